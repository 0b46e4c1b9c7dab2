import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Answer, Query } from '../../../../src/contract/operations.ts';
import { call } from '../../api/call.ts';
import { usePages } from '../../state/pages.ts';
import { Empty, Loading, Tag, bytes } from '../../ui/bits.tsx';
import { Choices } from '../../ui/field.tsx';
import { LiveTag } from '../../ui/live-tag.tsx';
import { Outcome } from '../../ui/outcome.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import type { Column } from '../../ui/table.tsx';
import { Clock } from '../../ui/time.tsx';
import type { SandboxDetail } from './sandbox.tsx';

type Row = Answer<'getSandboxNetwork'>['data'][number];
type Verdict = NonNullable<Query<'getSandboxNetwork'>['verdict']>;

const lookEveryMs = 1500;
const pageSize = 100;

const columns: readonly Column<Row>[] = [
  { id: 'time', title: 'Time', width: '6.5rem', narrow: 'side', cell: ({ ts }) => <Clock at={ts} /> },
  {
    id: 'what',
    title: 'What',
    width: 'minmax(0, 4fr)',
    narrow: 'main',
    cell: (row) => (
      <span class="mono">
        {row.kind === 'request' ? (
          <>
            <strong>{row.method}</strong> {row.host}
            <span class="muted">{row.path}</span>
          </>
        ) : (
          <>
            <span class="muted">connect</span> {row.host}
            {row.dst_port !== null && row.dst_port !== undefined && <span class="muted">:{row.dst_port}</span>}
          </>
        )}
      </span>
    ),
  },
  {
    id: 'outcome',
    title: 'Outcome',
    width: 'minmax(0, 2.8fr)',
    narrow: 'sub',
    cell: (row) =>
      row.kind === 'request' ? (
        <Outcome status={row.status} errorCode={row.error_code} />
      ) : (
        <span class="row nowrap">
          <Tag tone={row.verdict === 'allowed' ? 'plain' : row.verdict === 'blocked' ? 'bad' : 'warn'}>
            {row.verdict ?? 'open'}
          </Tag>
          <span class="muted clip">{row.match_rule ?? ''}</span>
        </span>
      ),
  },
  {
    id: 'bytes',
    title: 'Sent / received',
    width: '9rem',
    end: true,
    cell: ({ bytes_sent: sent, bytes_recv: received }) =>
      typeof sent === 'number' && typeof received === 'number' ? `${bytes(sent)} / ${bytes(received)}` : '',
  },
  {
    id: 'ms',
    title: 'Took',
    width: '5rem',
    end: true,
    cell: ({ latency_ms: ms }) => (typeof ms === 'number' ? `${ms} ms` : ''),
  },
];

const keyOf = ({ kind, id }: Row) => `${kind} ${id}`;

/** What left the sandbox, as it leaves; what was blocked stands out. */
export function NetworkLog({ sandbox: { id } }: { sandbox: SandboxDetail }): JSX.Element {
  const [verdict, setVerdict] = useState<Verdict | ''>('');
  const filter = verdict === '' ? {} : { verdict };
  const log = usePages<Row>(['network', id, verdict], async (before, signal) => {
    const page = await call('getSandboxNetwork', {
      params: { id },
      query: { limit: pageSize, ...filter, ...(before === undefined ? {} : { before }) },
      signal,
    });
    return { rows: page.data, next: page.has_more ? (page.next_cursor ?? undefined) : undefined };
  });
  const { rows, prepend } = log;
  const known = useRef(rows);
  known.current = rows;

  useEffect(() => {
    const control = new AbortController();
    const look = async () => {
      if (document.visibilityState !== 'visible') return;
      const { data } = await call('getSandboxNetwork', {
        params: { id },
        query: { limit: pageSize, ...filter },
        signal: control.signal,
      });
      const seen = new Set(known.current.slice(0, 2 * pageSize).map(keyOf));
      const fresh = data.filter((row) => !seen.has(keyOf(row)));
      if (fresh.length > 0 && !control.signal.aborted) prepend(fresh);
    };
    // A look that fails is made up for by the next one.
    const timer = setInterval(() => void look().catch(() => undefined), lookEveryMs);
    return () => {
      clearInterval(timer);
      control.abort();
    };
  }, [id, verdict, prepend]);

  return (
    <>
      <div class="filters">
        <Choices
          label="Connections"
          bare
          value={verdict}
          options={[
            ['', 'All'],
            ['allowed', 'Allowed'],
            ['blocked', 'Blocked'],
            ['failed', 'Failed'],
          ]}
          onInput={setVerdict}
        />
        <span class="end">
          <LiveTag on />
        </span>
      </div>
      <Problem failure={log.failure} retry={log.reload} />
      {log.loading && log.failure === undefined && <Loading what="the network log" />}
      {rows.length === 0 && !log.loading && (
        <Empty icon="activity" title={verdict === '' ? 'Nothing has left this sandbox' : `Nothing was ${verdict}`}>
          <p>Each connection and each request shows here the moment it is made. Try one in the terminal:</p>
          <pre class="mono">curl -sSI https://example.com</pre>
        </Empty>
      )}
      {rows.length > 0 && (
        <Table
          label="Network log, newest first"
          columns={columns}
          rows={rows}
          rowKey={keyOf}
          rowHeight={34}
          tone={toneOf}
          complete={log.complete}
          onMore={log.more}
        />
      )}
    </>
  );
}

function toneOf({ verdict, error_code: code }: Row): 'bad' | 'warn' | undefined {
  if (verdict === 'blocked' || (code !== null && code !== undefined)) return 'bad';
  return verdict === 'failed' ? 'warn' : undefined;
}
