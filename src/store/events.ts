import type { Database } from './database.ts';
import { storedEvent } from './rows.ts';
import type { EventStore, StatusClass } from './store.ts';
import { nearestStorableJson } from './text.ts';

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
    async append(rows) {
      const filled = rows.filter((each) => each !== '[]');
      if (filled.length > 0) await appendEvents(filled.map(nearestStorableJson));
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
