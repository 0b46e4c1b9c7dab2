import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Query } from '../../../../src/contract/operations.ts';
import { call } from '../../api/call.ts';
import { useLoad } from '../../state/load.ts';
import { link } from '../../state/route.ts';
import { Empty, Loading, PageHead, Tabs, plural } from '../../ui/bits.tsx';
import { ButtonLink } from '../../ui/button.tsx';
import { Choices } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import { RequestsTable } from '../requests/requests-table.tsx';
import { Charts } from './charts.tsx';
import { FlowMap } from './flow-map.tsx';

export type Window = NonNullable<Query<'getActivity'>['window']>;

const refreshMs = 15_000;

const tabs = [
  ['charts', 'Charts'],
  ['map', 'Who used what where'],
  ['requests', 'Requests'],
] as const;

/** What the proxy did for the team: in figures, as a picture, row by row. */
export function Activity({ tab = 'charts' }: { tab?: string }): JSX.Element {
  const [window, setWindow] = useState<Window>('24h');
  return (
    <>
      <PageHead title="Activity" about="All that sandboxes sent through the proxy.">
        {tab !== 'requests' && (
          <Choices
            label="How far back"
            bare
            value={window}
            options={[
              ['1h', '1 h'],
              ['24h', '24 h'],
              ['7d', '7 d'],
            ]}
            onInput={setWindow}
          />
        )}
      </PageHead>
      <Tabs
        label="Views of the activity"
        current={tab}
        tabs={tabs.map(([id, title]) => ({ id, title, href: link('activity', id) }))}
      />
      {tab === 'charts' && <Figures window={window} />}
      {tab === 'map' && <Picture window={window} />}
      {tab === 'requests' && <RequestsTable />}
    </>
  );
}

function Figures({ window }: { window: Window }): JSX.Element {
  const { data, failure, reload } = useLoad(
    ['activity', window],
    (signal) => call('getActivity', { query: { window }, signal }),
    { everyMs: refreshMs },
  );
  return (
    <div class="stack">
      <Problem failure={failure} retry={reload} />
      {data === undefined && failure === undefined && <Loading what="figures" />}
      {data !== undefined && <Charts activity={data} />}
    </div>
  );
}

function Picture({ window }: { window: Window }): JSX.Element {
  const { data, failure, reload } = useLoad(
    ['map', window],
    (signal) => call('getActivityMap', { query: { window }, signal }),
    { everyMs: refreshMs },
  );
  return (
    <div class="stack">
      <Problem failure={failure} retry={reload} />
      {data === undefined && failure === undefined && <Loading what="the picture" />}
      {data?.edges.length === 0 && (
        <Empty icon="activity" title={`No request in the last ${window}`}>
          <p>Once sandboxes send requests, this shows which used which secret at which host.</p>
          <ButtonLink href={link('sandboxes')} kind="primary">
            Go to sandboxes
          </ButtonLink>
        </Empty>
      )}
      {data !== undefined && data.edges.length > 0 && (
        <>
          <FlowMap edges={data.edges} />
          {data.capped && (
            <p class="muted small">{`The ${plural(data.edges.length, 'busiest way', 'busiest ways')}; there are more.`}</p>
          )}
        </>
      )}
    </div>
  );
}
