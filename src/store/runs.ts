import { randomInt } from 'node:crypto';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { RunStore } from './store.ts';

export function runStore({ read, write }: Database): RunStore {
  return {
    // It begins anywhere: whoever has watched a run that was forgotten sees that this is it no more.
    async beat({ id, server, settledAt }) {
      await write
        .insertInto('server_runs')
        .values({ id, server, settled_at: settledAt.getTime(), beats: randomInt(1, 2 ** 32) })
        .onConflict((conflict) =>
          conflict.column('id').doUpdateSet({
            server,
            settled_at: settledAt.getTime(),
            beats: sql`server_runs.beats + 1`,
          }),
        )
        .execute();
    },

    async others(id) {
      const rows = await read.selectFrom('server_runs').selectAll().where('id', '!=', id).execute();
      return rows.map((row) => ({
        id: row.id,
        server: row.server,
        settledAt: new Date(row.settled_at),
        beats: row.beats,
      }));
    },

    async takeOver({ id, beats }, server) {
      const { numUpdatedRows } = await write
        .updateTable('server_runs')
        .set({ server, beats: beats + 1 })
        .where('id', '=', id)
        .where('beats', '=', beats)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    async end(id) {
      await write.deleteFrom('server_runs').where('id', '=', id).execute();
    },
  };
}
