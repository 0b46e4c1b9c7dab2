import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Answer } from '../../../../src/contract/operations.ts';
import { call } from '../../api/call.ts';
import { useLoad } from '../../state/load.ts';
import { link } from '../../state/route.ts';
import { Empty, Loading, PageHead, plural } from '../../ui/bits.tsx';
import { ButtonLink } from '../../ui/button.tsx';
import { Icon } from '../../ui/icons.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import type { Column } from '../../ui/table.tsx';
import { Ago } from '../../ui/time.tsx';
import { SandboxStatus } from './sandbox-status.tsx';

type Sandbox = Answer<'listSandboxes'>[number];

const refreshMs = 5000;

const columns: readonly Column<Sandbox>[] = [
  {
    id: 'name',
    title: 'Name',
    width: 'minmax(0, 2fr)',
    narrow: 'main',
    cell: ({ id, name }) => (
      <span class="named">
        <a class="clip" href={link('sandboxes', id)}>
          {name}
        </a>
      </span>
    ),
  },
  { id: 'status', title: 'Status', width: '6rem', narrow: 'side', cell: (each) => <SandboxStatus of={each} /> },
  {
    id: 'secrets',
    title: 'Secrets',
    width: 'minmax(0, 2.5fr)',
    narrow: 'sub',
    cell: ({ secrets }) => <Bound secrets={secrets} />,
  },
  { id: 'driver', title: 'Runs in', width: '7rem', cell: ({ driver }) => <span class="muted">{driver}</span> },
  { id: 'created', title: 'Created', width: '7rem', end: true, cell: ({ created_at: at }) => <Ago at={at} /> },
];

const newSandbox = (
  <ButtonLink kind="primary" icon="plus" href={link('sandboxes', 'new')}>
    New sandbox
  </ButtonLink>
);

export function Sandboxes(): JSX.Element {
  const [sought, setSought] = useState('');
  const { data, failure, reload } = useLoad(['sandboxes'], (signal) => call('listSandboxes', { query: {}, signal }), {
    everyMs: refreshMs,
  });
  const words = sought.trim().toLowerCase();
  const shown = data?.filter(({ id, name, secrets }) =>
    [id, name, ...secrets.map(({ secret_name: secret }) => secret)].some((each) => each.toLowerCase().includes(words)),
  );
  return (
    <>
      <PageHead title="Sandboxes" about="Code runs here with stand-ins; all that leaves goes through the proxy.">
        {data?.length !== 0 && newSandbox}
      </PageHead>
      <Problem failure={failure} retry={reload} />
      {data === undefined && failure === undefined && <Loading what="sandboxes" />}
      {data?.length === 0 && (
        <Empty icon="box" title="No sandbox runs">
          <p>
            A sandbox is where untrusted code runs. It holds stand-ins in its variables, and the proxy is its only way
            out. Make one here, or run a single command in one from the shell:
          </p>
          <pre class="mono">standin run -s KEY=my-secret -- my-program</pre>
          {newSandbox}
        </Empty>
      )}
      {data !== undefined && data.length > 0 && shown !== undefined && (
        <>
          <div class="filters">
            <div class="search">
              <Icon name="search" />
              <input
                class="input"
                type="search"
                aria-label="Search sandboxes"
                placeholder="Search by name, id or secret"
                value={sought}
                onInput={(event) => setSought(event.currentTarget.value)}
              />
            </div>
            <span class="muted small end" role="status">
              {plural(shown.length, 'sandbox', 'sandboxes')}
            </span>
          </div>
          <Table label="Sandboxes" columns={columns} rows={shown} rowKey={({ id }) => id} />
        </>
      )}
    </>
  );
}

function Bound({ secrets }: Pick<Sandbox, 'secrets'>): JSX.Element {
  if (secrets.length === 0) return <span class="muted">none</span>;
  const names = secrets.map(({ secret_name: name, revoked }) => (revoked ? `${name} (revoked)` : name));
  return (
    <span class="mono" title={names.join('\n')}>
      {names.join(', ')}
    </span>
  );
}
