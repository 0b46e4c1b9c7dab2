import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from '../../api/call.ts';
import { followRequests } from '../../api/request-stream.ts';
import type { RequestFilter, RequestRow, StreamState } from '../../api/request-stream.ts';
import { usePages } from '../../state/pages.ts';
import { link } from '../../state/route.ts';
import { Empty, Loading, Tag, plural } from '../../ui/bits.tsx';
import { Button } from '../../ui/button.tsx';
import { LiveTag } from '../../ui/live-tag.tsx';
import { Outcome } from '../../ui/outcome.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import type { Column } from '../../ui/table.tsx';
import { Clock } from '../../ui/time.tsx';
import { ExplainDialog } from './explain.tsx';
import { RequestFilters } from './request-filters.tsx';

const pageSize = 100;
/** Below this the list's beginning is seen, and new rows may push the others down. */
const atTopPx = 120;

/** Requests and tripwires as they come, each with its explanation; of one secret, or of the team. */
export function RequestsTable({ secret }: { secret?: string }): JSX.Element {
  const [chosen, setChosen] = useState<RequestFilter>({});
  const [opened, setOpened] = useState<RequestRow>();
  const filter: RequestFilter = { ...chosen, ...(secret === undefined ? {} : { secret }) };
  const key = JSON.stringify(filter);
  const log = usePages<RequestRow>(['requests', key], async (before, signal) => {
    const query = { ...filter, limit: pageSize, ...(before === undefined ? {} : { before: Number(before) }) };
    const page = await call('listRequests', { query, signal });
    return { rows: page.data, next: page.has_more ? (page.next_cursor ?? undefined) : undefined };
  });
  const live = useLiveRows(filter, log);

  return (
    <>
      <div class="filters">
        <RequestFilters filter={chosen} onChange={setChosen} />
        <span class="end row">
          {live.waiting > 0 && (
            <Button small icon="up" onClick={live.show}>
              {plural(live.waiting, 'new row')}
            </Button>
          )}
          <LiveTag on={live.state === 'live'} paused={live.state === 'connecting' ? 'Connecting…' : 'Not live'} />
          {live.state === 'ended' && (
            <Button small icon="rotate" onClick={live.again}>
              Go live
            </Button>
          )}
        </span>
      </div>
      <Problem failure={log.failure} retry={log.reload} />
      {log.loading && log.failure === undefined && <Loading what="requests" />}
      {log.rows.length === 0 && !log.loading && log.complete && (
        <Empty icon="activity" title={Object.keys(chosen).length > 0 ? 'Nothing fits the filter' : 'No request yet'}>
          <p>
            {secret === undefined
              ? 'What sandboxes send shows here as it is sent. Start one and use a secret in it.'
              : 'Bind it to a sandbox and use its variable in a request; the row shows here at once.'}
          </p>
        </Empty>
      )}
      {log.rows.length > 0 && (
        <Table
          label="Requests, newest first"
          columns={columnsFor({ withSecret: secret === undefined, onOpen: setOpened })}
          rows={log.rows}
          rowKey={({ id }) => id}
          rowHeight={36}
          tone={toneOf}
          complete={log.complete}
          onMore={log.more}
        />
      )}
      {opened !== undefined && <ExplainDialog of={opened} onClose={() => setOpened(undefined)} />}
    </>
  );
}

interface LiveRows {
  state: StreamState;
  /** Rows that arrived while something further down was read. */
  waiting: number;
  show: () => void;
  again: () => void;
}

function useLiveRows(
  filter: RequestFilter,
  log: { rows: readonly RequestRow[]; prepend: (rows: readonly RequestRow[]) => void },
): LiveRows {
  const [state, setState] = useState<StreamState>('connecting');
  const [waiting, setWaiting] = useState<readonly RequestRow[]>([]);
  const [turn, setTurn] = useState(0);
  const { prepend } = log;
  const known = useRef(log.rows);
  known.current = log.rows;
  const add = (rows: readonly RequestRow[]) => {
    const newest = known.current[0]?.id ?? 0;
    prepend(rows.filter(({ id }) => id > newest));
  };
  useEffect(() => {
    setState('connecting');
    setWaiting([]);
    return followRequests(filter, {
      onState: setState,
      onRows: (rows) => {
        if (scrollY < atTopPx) add(rows);
        else setWaiting((before) => [...rows, ...before]);
      },
    });
  }, [JSON.stringify(filter), turn]);
  return {
    state,
    waiting: waiting.length,
    show: () => {
      add(waiting);
      setWaiting([]);
      scrollTo({ top: 0 });
    },
    again: () => setTurn((before) => before + 1),
  };
}

function columnsFor(options: { withSecret: boolean; onOpen: (row: RequestRow) => void }): Column<RequestRow>[] {
  const time: Column<RequestRow> = {
    id: 'time',
    title: 'Time',
    width: '6.5rem',
    narrow: 'side',
    cell: ({ ts }) => <Clock at={ts} />,
  };
  const request: Column<RequestRow> = {
    id: 'request',
    title: 'Request',
    width: 'minmax(0, 4fr)',
    narrow: 'main',
    cell: (row) => (
      <button
        type="button"
        class="link-button mono clip"
        aria-haspopup="dialog"
        title="Explain this request"
        onClick={() => options.onOpen(row)}
      >
        {row.kind === 'tripwire' ? <strong>tripwire</strong> : <strong>{row.method}</strong>} {row.host}
        <span class="muted">{row.path}</span>
      </button>
    ),
  };
  const secret: Column<RequestRow> = {
    id: 'secret',
    title: 'Secret',
    width: 'minmax(0, 1.4fr)',
    cell: ({ secret_name: name }) =>
      name === null ? <span class="muted">–</span> : <a href={link('secrets', name)}>{name}</a>,
  };
  return [
    time,
    request,
    ...(options.withSecret ? [secret] : []),
    {
      id: 'sandbox',
      title: 'Sandbox',
      width: 'minmax(0, 1.4fr)',
      cell: ({ sandbox_id: id, sandbox_name: name }) =>
        name === null ? (
          <span class="muted" title={id}>
            deleted
          </span>
        ) : (
          <a href={link('sandboxes', id)}>{name}</a>
        ),
    },
    {
      id: 'outcome',
      title: 'Outcome',
      width: 'minmax(0, 2.8fr)',
      narrow: 'sub',
      cell: (row) =>
        row.tripwire === undefined ? (
          <Outcome status={row.status} errorCode={row.error_code} />
        ) : (
          <span class="row nowrap">
            <Tag tone="bad">stand-in {row.tripwire.stand_in === 'own' ? 'out of place' : row.tripwire.stand_in}</Tag>
            <span class="clip muted">
              {row.tripwire.slot}
              {row.tripwire.action === 'revoke' && ', detached'}
            </span>
          </span>
        ),
    },
    {
      id: 'ms',
      title: 'Took',
      width: '4.5rem',
      end: true,
      cell: ({ latency_ms: ms }) => (ms === null ? '' : `${Math.round(ms)} ms`),
    },
  ];
}

function toneOf({ kind, verdict }: RequestRow): 'bad' | 'warn' | undefined {
  if (kind === 'tripwire' || verdict === 'blocked') return 'bad';
  return verdict === 'failed' ? 'warn' : undefined;
}
