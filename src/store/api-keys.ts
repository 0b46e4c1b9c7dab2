import type { Database } from './database.ts';
import { apiKeyRecord, apiKeyRow } from './rows.ts';
import type { ApiKeyStore } from './store.ts';

export function apiKeyStore({ read, write }: Database): ApiKeyStore {
  return {
    async insert(key) {
      await write.insertInto('api_keys').values(apiKeyRow(key)).execute();
    },

    async byHash(hash) {
      const row = await read
        .selectFrom('api_keys')
        .selectAll()
        .where('hash', '=', hash)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return row === undefined ? null : apiKeyRecord(row);
    },

    async list(teamId) {
      const rows = await read
        .selectFrom('api_keys')
        .selectAll()
        .where('team_id', '=', teamId)
        .where('revoked_at', 'is', null)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .execute();
      return rows.map(apiKeyRecord);
    },

    async revoke(teamId, id, at) {
      const { numUpdatedRows } = await write
        .updateTable('api_keys')
        .set({ revoked_at: at.getTime() })
        .where('id', '=', id)
        .where('team_id', '=', teamId)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },

    async touch(id, at) {
      await write
        .updateTable('api_keys')
        .set({ last_used_at: at.getTime() })
        .where('id', '=', id)
        .where((each) => each.or([each('last_used_at', 'is', null), each('last_used_at', '<', at.getTime())]))
        .execute();
    },
  };
}
