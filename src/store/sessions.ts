import type { Database } from './database.ts';
import { apiKeyRecord } from './rows.ts';
import type { SessionStore } from './store.ts';

export function sessionStore({ read, write }: Database): SessionStore {
  return {
    async insert({ hash, keyId, createdAt, expiresAt }) {
      await write
        .insertInto('sessions')
        .values({ hash, key_id: keyId, created_at: createdAt.getTime(), expires_at: expiresAt.getTime() })
        .execute();
    },

    async find(hash, at) {
      const row = await read
        .selectFrom('sessions')
        .innerJoin('api_keys', 'api_keys.id', 'sessions.key_id')
        .innerJoin('teams', 'teams.id', 'api_keys.team_id')
        .selectAll('api_keys')
        .select(['sessions.hash as session', 'sessions.created_at as begun', 'sessions.expires_at'])
        .select(['teams.name as team_name', 'teams.created_at as team_created'])
        .where('sessions.hash', '=', hash)
        .where('sessions.expires_at', '>', at.getTime())
        .where('api_keys.revoked_at', 'is', null)
        .executeTakeFirst();
      if (row === undefined) return null;
      return {
        session: {
          hash: row.session,
          keyId: row.id,
          createdAt: new Date(row.begun),
          expiresAt: new Date(row.expires_at),
        },
        key: apiKeyRecord(row),
        team: { id: row.team_id, name: row.team_name, createdAt: new Date(row.team_created) },
      };
    },

    async extend(hash, expiresAt) {
      await write
        .updateTable('sessions')
        .set({ expires_at: expiresAt.getTime() })
        .where('hash', '=', hash)
        .where('expires_at', '<', expiresAt.getTime())
        .execute();
    },

    async remove(hash) {
      await write.deleteFrom('sessions').where('hash', '=', hash).execute();
    },

    async prune(at) {
      await write.deleteFrom('sessions').where('expires_at', '<=', at.getTime()).execute();
    },
  };
}
