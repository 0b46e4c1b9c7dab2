import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { PreviewPortRow } from './schema.ts';
import type { PreviewPortRecord, PreviewStore } from './store.ts';

export function previewStore({ read, write }: Pick<Database, 'read' | 'write'>): PreviewStore {
  return {
    async list(sandboxId) {
      const rows = await read
        .selectFrom('preview_ports')
        .selectAll()
        .where('sandbox_id', '=', sandboxId)
        .where('published', '=', 1)
        .orderBy('port')
        .execute();
      return rows.map(record);
    },

    async get(sandboxId, port) {
      const row = await read
        .selectFrom('preview_ports')
        .selectAll()
        .where('sandbox_id', '=', sandboxId)
        .where('port', '=', port)
        .where('published', '=', 1)
        .executeTakeFirst();
      return row === undefined ? null : record(row);
    },

    publish(sandboxId, port, { access, fallback, most, at }) {
      return write.transaction().execute(async (transaction) => {
        const rows = await transaction
          .selectFrom('preview_ports')
          .selectAll()
          .where('sandbox_id', '=', sandboxId)
          .execute();
        const known = rows.find((row) => row.port === port);
        const isPublished = known?.published === 1;
        if (!isPublished && rows.filter(({ published }) => published === 1).length >= most) return 'full';
        const row = await transaction
          .insertInto('preview_ports')
          .values({
            sandbox_id: sandboxId,
            port,
            access: access ?? (isPublished ? known.access : fallback),
            token_version: known?.token_version ?? 1,
            published: 1,
            created_at: at.getTime(),
          })
          .onConflict((conflict) =>
            conflict
              .columns(['sandbox_id', 'port'])
              .doUpdateSet((each) => ({ access: each.ref('excluded.access'), published: 1 })),
          )
          .returningAll()
          .executeTakeFirstOrThrow();
        return record(row);
      });
    },

    async unpublish(sandboxId, port) {
      const { numUpdatedRows } = await write
        .updateTable('preview_ports')
        .set({ published: 0, token_version: sql`token_version + 1` })
        .where('sandbox_id', '=', sandboxId)
        .where('port', '=', port)
        .where('published', '=', 1)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },

    async rotate(sandboxId, port) {
      const row = await write
        .updateTable('preview_ports')
        .set({ token_version: sql`token_version + 1` })
        .where('sandbox_id', '=', sandboxId)
        .where('port', '=', port)
        .where('published', '=', 1)
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? null : record(row);
    },
  };
}

function record(row: PreviewPortRow): PreviewPortRecord {
  return { sandboxId: row.sandbox_id, port: row.port, access: row.access, tokenVersion: row.token_version };
}
