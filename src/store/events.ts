import { sql } from 'kysely';
import type { Selectable, Transaction } from 'kysely';
import type { Database } from './database.ts';
import { storedEvent } from './rows.ts';
import type { EventRow, Schema } from './schema.ts';
import type { EventRecord, EventStore, StatusClass } from './store.ts';
import { nearestStorableText } from './text.ts';

/** Events that go into one statement. */
const rowsAtOnce = 1000;
/** Key of the PostgreSQL advisory lock under which event ids are given out. */
const appendLock = 7_374_616_002;

export function eventStore({ kind, read, write }: Database): EventStore {
  function page({ limit, before }: { limit: number; before?: number }) {
    const query = read
      .selectFrom('events')
      .leftJoin('sandboxes', (join) =>
        join.onRef('sandboxes.id', '=', 'events.sandbox_id').on('sandboxes.deleted_at', 'is', null),
      )
      .selectAll('events')
      .select('sandboxes.name as sandbox_name')
      .orderBy('events.id', 'desc')
      .limit(limit);
    return before === undefined ? query : query.where('events.id', '<', before);
  }

  return {
    async append(events) {
      if (events.length === 0) return;
      await write.transaction().execute(async (transaction) => {
        if (kind === 'postgres') {
          // Ids are drawn under a lock that is held until the commit, so they become visible in their order: who has
          // seen an id will never see a lower one appear, and a cursor skips nothing. SQLite has one writer anyway.
          await sql`select pg_advisory_xact_lock(${appendLock})`.execute(transaction);
        }
        for (let start = 0; start < events.length; start += rowsAtOnce) {
          await insertRows[kind](transaction, JSON.stringify(events.slice(start, start + rowsAtOnce).map(eventRow)));
        }
      });
    },

    async bySecret(secretId, { status, ...cursor }) {
      let query = page(cursor).where('events.secret_id', '=', secretId).where('events.kind', '=', 'request');
      if (status === 'errors') {
        query = query.where((each) =>
          each.or([each('events.status', '>=', 400), each('events.error_code', 'is not', null)]),
        );
      } else if (status !== undefined) {
        const first = firstStatus[status];
        query = query.where('events.status', '>=', first).where('events.status', '<', first + 100);
      }
      const rows = await query.execute();
      return rows.map(storedEvent);
    },

    async bySandbox(sandboxId, cursor) {
      const rows = await page(cursor).where('events.sandbox_id', '=', sandboxId).execute();
      return rows.map(storedEvent);
    },
  };
}

const firstStatus: Record<Exclude<StatusClass, 'errors'>, number> = { '2xx': 200, '3xx': 300, '4xx': 400, '5xx': 500 };

type NewEvent = Omit<Selectable<EventRow>, 'id'>;

/** Each column with its type, in the order in which it is inserted. */
const columns = {
  kind: 'text',
  ts: 'bigint',
  team_id: 'text',
  sandbox_id: 'text',
  secret_id: 'text',
  host: 'text',
  method: 'text',
  path: 'text',
  status: 'bigint',
  upstream_status: 'bigint',
  latency_ms: 'bigint',
  error_code: 'text',
  dst_ip: 'text',
  dst_port: 'bigint',
  verdict: 'text',
  match_rule: 'text',
  bytes_sent: 'bigint',
  bytes_recv: 'bigint',
} as const satisfies Record<keyof NewEvent, 'text' | 'bigint'>;

const names = sql.raw(Object.keys(columns).join(', '));
const fromSqliteJson = sql.raw(
  Object.keys(columns)
    .map((name) => `value ->> '${name}'`)
    .join(', '),
);
const jsonColumns = sql.raw(
  Object.entries(columns)
    .map(([name, type]) => `${name} ${type}`)
    .join(', '),
);

/** A batch is one statement with one value, a JSON array: 18 values for each row would cost more to bind than to write. */
const insertRows = {
  async sqlite(transaction: Transaction<Schema>, json: string): Promise<void> {
    await sql`insert into events (${names}) select ${fromSqliteJson} from json_each(${json})`.execute(transaction);
  },
  async postgres(transaction: Transaction<Schema>, json: string): Promise<void> {
    await sql`
      insert into events (${names}) select ${names} from json_to_recordset(${json}::json) as event (${jsonColumns})
    `.execute(transaction);
  },
};

function eventRow(event: EventRecord): NewEvent {
  return {
    kind: event.kind,
    ts: event.ts.getTime(),
    team_id: event.teamId,
    sandbox_id: event.sandboxId,
    secret_id: event.secretId,
    host: nearestStorableText(event.host),
    method: clientText(event.method),
    path: clientText(event.path),
    status: event.status,
    upstream_status: event.upstreamStatus,
    latency_ms: event.latencyMs === null ? null : Math.round(event.latencyMs),
    error_code: event.errorCode,
    dst_ip: event.dstIp,
    dst_port: event.dstPort,
    verdict: event.verdict,
    match_rule: event.matchRule,
    bytes_sent: event.bytesSent,
    bytes_recv: event.bytesRecv,
  };
}

/** What a client sent must not be able to sink the batch that tells of it. */
function clientText(text: string | null): string | null {
  return text === null ? null : nearestStorableText(text);
}
