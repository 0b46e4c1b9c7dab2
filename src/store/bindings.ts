import type { Database } from './database.ts';
import { bindingRecord, bindingRow, sandboxRecord, secretRecord } from './rows.ts';
import type { BindingRow, SecretRow } from './schema.ts';
import type { BindingRecord, BindingStore, SecretRecord } from './store.ts';

type BoundSecret = { binding: BindingRecord; secret: SecretRecord };

/** Ids that go into one statement; both databases bound how many values a statement may carry. */
const idsAtOnce = 1000;

/** Each binding with its secret, among these. */
function pair(bindings: readonly BindingRow[], secrets: readonly SecretRow[]): BoundSecret[] {
  const byId = new Map(secrets.map((row) => [row.id, secretRecord(row)]));
  return bindings.flatMap((row) => {
    const secret = byId.get(row.secret_id);
    return secret === undefined ? [] : [{ binding: bindingRecord(row), secret }];
  });
}

export function bindingStore({ read, write }: Database): BindingStore {
  async function bySandboxes(sandboxIds: string[]): Promise<Map<string, BoundSecret[]>> {
    const found = new Map<string, BoundSecret[]>();
    for (let start = 0; start < sandboxIds.length; start += idsAtOnce) {
      const ids = sandboxIds.slice(start, start + idsAtOnce);
      for (const bound of await boundSecrets(ids)) {
        const list = found.get(bound.binding.sandboxId);
        if (list === undefined) found.set(bound.binding.sandboxId, [bound]);
        else list.push(bound);
      }
    }
    return found;
  }

  /** Secrets are read after their bindings and never vanish, so each binding finds its own if it was not detached meanwhile. */
  async function boundSecrets(sandboxIds: string[]): Promise<BoundSecret[]> {
    const bindings = await read
      .selectFrom('bindings')
      .innerJoin('sandboxes', 'sandboxes.id', 'bindings.sandbox_id')
      .selectAll('bindings')
      .where('bindings.sandbox_id', 'in', sandboxIds)
      .where('bindings.detached_at', 'is', null)
      .where('sandboxes.deleted_at', 'is', null)
      .orderBy('bindings.created_at')
      .orderBy('bindings.env_key')
      .execute();
    if (bindings.length === 0) return [];
    const secrets = await read
      .selectFrom('secrets')
      .selectAll()
      .where('id', 'in', (each) =>
        each
          .selectFrom('bindings')
          .select('secret_id')
          .where('sandbox_id', 'in', sandboxIds)
          .where('detached_at', 'is', null),
      )
      .execute();
    return pair(bindings, secrets);
  }

  async function withSecrets(bindings: readonly BindingRow[]): Promise<BoundSecret[]> {
    const ids = [...new Set(bindings.map((row) => row.secret_id))];
    if (ids.length === 0) return [];
    const secrets = await read.selectFrom('secrets').selectAll().where('id', 'in', ids).execute();
    return pair(bindings, secrets);
  }

  return {
    bySandboxes,

    async insert(binding) {
      const inserted = await write
        .insertInto('bindings')
        .values(bindingRow(binding))
        .onConflict((conflict) =>
          conflict.columns(['sandbox_id', 'env_key']).where('detached_at', 'is', null).doNothing(),
        )
        .returning('id')
        .executeTakeFirst();
      return inserted === undefined ? 'conflict' : 'inserted';
    },

    async bySandbox(sandboxId) {
      const found = await bySandboxes([sandboxId]);
      return found.get(sandboxId) ?? [];
    },

    async bySecret(secretId) {
      const bindings = await read
        .selectFrom('bindings')
        .selectAll()
        .where('secret_id', '=', secretId)
        .where('detached_at', 'is', null)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .execute();
      const sandboxes = await read
        .selectFrom('sandboxes')
        .selectAll()
        .where('deleted_at', 'is', null)
        .where('id', 'in', (each) =>
          each
            .selectFrom('bindings')
            .select('sandbox_id')
            .where('secret_id', '=', secretId)
            .where('detached_at', 'is', null),
        )
        .execute();
      const byId = new Map(sandboxes.map((row) => [row.id, sandboxRecord(row)]));
      return bindings.flatMap((row) => {
        const sandbox = byId.get(row.sandbox_id);
        return sandbox === undefined ? [] : [{ binding: bindingRecord(row), sandbox }];
      });
    },

    async countBySecrets(secretIds) {
      if (secretIds.length === 0) return new Map();
      const rows = await read
        .selectFrom('bindings')
        .select('secret_id')
        .select((each) => each.fn.count<number>('sandbox_id').distinct().as('sandboxes'))
        .where('secret_id', 'in', secretIds)
        .where('detached_at', 'is', null)
        .groupBy('secret_id')
        .execute();
      return new Map(rows.map((row) => [row.secret_id, row.sandboxes]));
    },

    async byFingerprints(fingerprints) {
      const found = new Map<string, BoundSecret>();
      for (let start = 0; start < fingerprints.length; start += idsAtOnce) {
        const some = fingerprints.slice(start, start + idsAtOnce);
        const bindings = await read.selectFrom('bindings').selectAll().where('fingerprint', 'in', some).execute();
        for (const bound of await withSecrets(bindings)) found.set(bound.binding.fingerprint, bound);
      }
      return found;
    },

    async detachBinding(id, at) {
      const { numUpdatedRows } = await write
        .updateTable('bindings')
        .set({ detached_at: at.getTime() })
        .where('id', '=', id)
        .where('detached_at', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },

    async detach(sandboxId, envKey, at) {
      const { numUpdatedRows } = await write
        .updateTable('bindings')
        .set({ detached_at: at.getTime() })
        .where('sandbox_id', '=', sandboxId)
        .where('env_key', '=', envKey)
        .where('detached_at', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
  };
}
