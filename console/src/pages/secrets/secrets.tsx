import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Answer, Query } from '../../../../src/contract/operations.ts';
import { call, callPage } from '../../api/call.ts';
import { usePages } from '../../state/pages.ts';
import { link } from '../../state/route.ts';
import { Empty, Loading, Mark, PageHead } from '../../ui/bits.tsx';
import { ButtonLink } from '../../ui/button.tsx';
import { Hosts } from '../../ui/hosts.tsx';
import { Icon } from '../../ui/icons.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Sparkline } from '../../ui/sparkline.tsx';
import { Table } from '../../ui/table.tsx';
import type { Column } from '../../ui/table.tsx';
import { Ago } from '../../ui/time.tsx';

type Secret = Answer<'listSecrets'>[number];
type Usage = Answer<'listSecretUsage'>[number];
type Sort = NonNullable<Query<'listSecretUsage'>['sort']>;

const pageSize = 100;
/** How long typing must rest before the server is asked. */
const restMs = 200;

const sorts: readonly (readonly [Sort, string])[] = [
  ['-created_at', 'Newest first'],
  ['-last_used_at', 'Last used first'],
  ['name', 'By name'],
];

const newSecret = (
  <ButtonLink kind="primary" icon="plus" href={link('new-secret')}>
    New secret
  </ButtonLink>
);

export function Secrets(): JSX.Element {
  const [sought, setSought] = useState('');
  const search = useRested(sought.trim());
  const [sort, setSort] = useState<Sort>('-created_at');
  const [usage, setUsage] = useState<ReadonlyMap<string, Usage>>(new Map());
  const list = usePages<Secret>(['secrets', search, sort], async (before, signal) => {
    const query = {
      limit: pageSize,
      sort,
      ...(search === '' ? {} : { search }),
      ...(before === undefined ? {} : { before }),
    };
    // The figures come when they come; the list does not wait for them.
    call('listSecretUsage', { query: { ...query, window: '24h' }, signal })
      .then((found) => setUsage((known) => new Map([...known, ...found.map((each) => [each.name, each] as const)])))
      .catch(() => undefined);
    return await callPage('listSecrets', { query, signal });
  });
  const none = list.rows.length === 0 && !list.loading && list.failure === undefined;
  const first = none && search === '';
  return (
    <>
      <PageHead title="Secrets" about="Credentials that the vault keeps. Sandboxes hold stand-ins for them.">
        {!first && newSecret}
      </PageHead>
      <Problem failure={list.failure} retry={list.reload} />
      {first ? (
        <FirstSecret />
      ) : (
        <>
          <div class="filters">
            <div class="search">
              <Icon name="search" />
              <input
                class="input"
                type="search"
                aria-label="Search secrets"
                placeholder="Search by name, host or provider"
                value={sought}
                onInput={(event) => setSought(event.currentTarget.value)}
              />
            </div>
            <select
              class="input auto"
              aria-label="Order"
              value={sort}
              onInput={({ currentTarget: { value } }) =>
                setSort(sorts.find(([each]) => each === value)?.[0] ?? '-created_at')
              }
            >
              {sorts.map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          </div>
          {list.loading && list.failure === undefined && <Loading what="secrets" />}
          {none && (
            <Empty icon="search" title={`No secret fits “${search}”`}>
              <p>The search looks at names, hosts and providers.</p>
            </Empty>
          )}
          {list.rows.length > 0 && (
            <Table
              label="Secrets"
              columns={columnsFor(usage)}
              rows={list.rows}
              rowKey={({ id }) => id}
              complete={list.complete}
              onMore={list.more}
            />
          )}
        </>
      )}
    </>
  );
}

function FirstSecret(): JSX.Element {
  return (
    <Empty icon="key" title="Store the first key">
      <p>
        Store a key once, with the hosts that it may go to. A sandbox then gets a stand-in: a worthless token of the
        same shape, which the proxy swaps for the real one on its way to just those hosts.
      </p>
      <div class="row">
        {newSecret}
        <span class="muted">or, on the server:</span>
      </div>
      <pre class="mono">standin secret create anthropic-prod --provider anthropic</pre>
    </Empty>
  );
}

function columnsFor(usage: ReadonlyMap<string, Usage>): Column<Secret>[] {
  return [
    {
      id: 'name',
      title: 'Name',
      width: 'minmax(0, 2.2fr)',
      narrow: 'main',
      cell: ({ name, provider_shortcut: provider }) => (
        <span class="named">
          <Mark name={provider ?? name} />
          <a class="clip" href={link('secrets', name)} title={name}>
            {name}
          </a>
        </span>
      ),
    },
    {
      id: 'hosts',
      title: 'Hosts',
      width: 'minmax(0, 2.2fr)',
      narrow: 'sub',
      cell: ({ hosts }) => <Hosts hosts={hosts} />,
    },
    {
      id: 'sandboxes',
      title: 'Sandboxes',
      width: '5.5rem',
      end: true,
      cell: ({ name }) => usage.get(name)?.bound_sandboxes ?? <span class="muted">–</span>,
    },
    {
      id: 'use',
      title: 'Use, 24 h',
      width: '9.5rem',
      cell: ({ name }) => {
        const found = usage.get(name);
        return (
          found !== undefined && (
            <span class="row nowrap">
              <Sparkline counts={found.buckets} span="24 hours" />
              <span class="muted">{found.uses > 0 && compact(found.uses)}</span>
            </span>
          )
        );
      },
    },
    {
      id: 'refused',
      title: 'Refused',
      width: '4.5rem',
      end: true,
      cell: ({ name }) => {
        const refusals = usage.get(name)?.refusals ?? 0;
        return refusals > 0 && <strong class="bad-text">{compact(refusals)}</strong>;
      },
    },
    {
      id: 'used',
      title: 'Last used',
      width: '7rem',
      end: true,
      narrow: 'side',
      cell: ({ last_used_at: at }) => <Ago at={at} />,
    },
  ];
}

const compactFormat = new Intl.NumberFormat('en', { notation: 'compact' });

function compact(count: number): string {
  return compactFormat.format(count);
}

function useRested(value: string): string {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), restMs);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}
