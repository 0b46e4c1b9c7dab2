import type { Database } from './database.ts';
import type { NewEvent } from './event-columns.ts';
import { storedEvent } from './rows.ts';
import type { EventRecord, EventStore, StatusClass } from './store.ts';
import { nearestStorableText } from './text.ts';

export function eventStore({ read, appendEvents }: Pick<Database, 'read' | 'appendEvents'>): EventStore {
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
      if (events.length > 0) await appendEvents(events.map(eventRow));
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
