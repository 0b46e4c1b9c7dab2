import type { Transaction } from 'kysely';
import type { Database } from './database.ts';
import { secretRecord, secretRow } from './rows.ts';
import type { Schema } from './schema.ts';
import { readSecretPage } from './secret-page.ts';
import type { SealedValue, SecretStore } from './store.ts';

export function secretStore({ read, write }: Database): SecretStore {
  return {
    insert(secret, sealed) {
      return write.transaction().execute(async (transaction) => {
        const inserted = await transaction
          .insertInto('secrets')
          .values(secretRow(secret))
          // The index secrets_live_name judges, not a look beforehand: of two at once, exactly one wins.
          .onConflict((conflict) => conflict.columns(['team_id', 'name']).where('deleted_at', 'is', null).doNothing())
          .returning('id')
          .executeTakeFirst();
        if (inserted === undefined) return 'conflict';
        await transaction
          .insertInto('secret_values')
          .values(valueRow(secret.id, secret.version, sealed))
          .execute();
        await transaction
          .insertInto('secret_versions')
          .values({
            secret_id: secret.id,
            version: secret.version,
            created_at: secret.createdAt.getTime(),
            retired_at: null,
          })
          .execute();
        return 'inserted';
      });
    },

    async byName(teamId, name) {
      const row = await read
        .selectFrom('secrets')
        .selectAll()
        .where('team_id', '=', teamId)
        .where('name', '=', name)
        .where('deleted_at', 'is', null)
        .executeTakeFirst();
      return row === undefined ? null : secretRecord(row);
    },

    async byId(id) {
      const row = await read.selectFrom('secrets').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : secretRecord(row);
    },

    page: (teamId, query) => readSecretPage(read, teamId, query),

    async versions(id) {
      const rows = await read
        .selectFrom('secret_versions')
        .select(['version', 'created_at', 'retired_at'])
        .where('secret_id', '=', id)
        .orderBy('version', 'desc')
        .execute();
      return rows.map((row) => ({
        version: row.version,
        createdAt: new Date(row.created_at),
        retiredAt: row.retired_at === null ? null : new Date(row.retired_at),
      }));
    },

    async names(ids) {
      if (ids.length === 0) return new Map();
      const rows = await read.selectFrom('secrets').select(['id', 'team_id', 'name']).where('id', 'in', ids).execute();
      return new Map(rows.map((row) => [row.id, { teamId: row.team_id, name: row.name }]));
    },

    async list(teamId) {
      const rows = await read
        .selectFrom('secrets')
        .selectAll()
        .where('team_id', '=', teamId)
        .where('deleted_at', 'is', null)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .execute();
      return rows.map(secretRecord);
    },

    rotate(id, next, sealed, at) {
      return write.transaction().execute(async (transaction) => {
        const row = await transaction
          .updateTable('secrets')
          .set({ version: next, updated_at: at.getTime() })
          .where('id', '=', id)
          .where('version', '=', next - 1)
          .where('deleted_at', 'is', null)
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) return null;
        await transaction.deleteFrom('secret_values').where('secret_id', '=', id).execute();
        await transaction
          .insertInto('secret_values')
          .values(valueRow(id, next, sealed))
          .execute();
        await retire(transaction, id, at);
        await transaction
          .insertInto('secret_versions')
          .values({ secret_id: id, version: next, created_at: at.getTime(), retired_at: null })
          .execute();
        return secretRecord(row);
      });
    },

    async setOnTripwire(id, onTripwire, at) {
      const row = await write
        .updateTable('secrets')
        .set({ on_tripwire: onTripwire, updated_at: at.getTime() })
        .where('id', '=', id)
        .where('deleted_at', 'is', null)
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? null : secretRecord(row);
    },

    remove(id, at) {
      return write.transaction().execute(async (transaction) => {
        const { numUpdatedRows } = await transaction
          .updateTable('secrets')
          .set({ deleted_at: at.getTime() })
          .where('id', '=', id)
          .where('deleted_at', 'is', null)
          .executeTakeFirst();
        await transaction.deleteFrom('secret_values').where('secret_id', '=', id).execute();
        await retire(transaction, id, at);
        return numUpdatedRows === 1n;
      });
    },

    async sealed(id, version) {
      const row = await read
        .selectFrom('secret_values')
        .selectAll()
        .where('secret_id', '=', id)
        .where('version', '=', version)
        .executeTakeFirst();
      return row === undefined ? null : { ciphertext: row.ciphertext, wrappedKey: row.wrapped_key, keyId: row.key_id };
    },

    async anySealed() {
      const row = await read.selectFrom('secret_values').select('version').limit(1).executeTakeFirst();
      return row !== undefined;
    },

    async touch(uses) {
      const latest = new Map<string, number>();
      for (const { id, at } of uses) latest.set(id, Math.max(latest.get(id) ?? 0, at.getTime()));
      if (latest.size === 0) return;
      await write.transaction().execute(async (transaction) => {
        // In one order everywhere, so that two processes never wait for each other.
        for (const [id, at] of [...latest].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
          await transaction
            .updateTable('secrets')
            .set({ last_used_at: at })
            .where('id', '=', id)
            .where((each) => each.or([each('last_used_at', 'is', null), each('last_used_at', '<', at)]))
            .execute();
        }
      });
    },
  };
}

/** The current version is so no more. */
async function retire(transaction: Transaction<Schema>, id: string, at: Date): Promise<void> {
  await transaction
    .updateTable('secret_versions')
    .set({ retired_at: at.getTime() })
    .where('secret_id', '=', id)
    .where('retired_at', 'is', null)
    .execute();
}

function valueRow(secretId: string, version: number, { ciphertext, wrappedKey, keyId }: SealedValue) {
  return { secret_id: secretId, version, ciphertext, wrapped_key: wrappedKey, key_id: keyId };
}
