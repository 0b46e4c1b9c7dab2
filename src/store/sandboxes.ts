import { sql } from 'kysely';
import type { Transaction, Updateable } from 'kysely';
import type { Database } from './database.ts';
import { bindingRow, sandboxRecord, sandboxRow } from './rows.ts';
import type { SandboxRow, Schema } from './schema.ts';
import type { SandboxStore } from './store.ts';
import { storableJson } from './text.ts';

export function sandboxStore({ kind, read, write }: Database): SandboxStore {
  return {
    insert(sandbox, bindings, most) {
      return write.transaction().execute(async (transaction) => {
        if (most !== undefined && !(await hasRoom(transaction, sandbox.teamId, most))) return 'full';
        await transaction.insertInto('sandboxes').values(sandboxRow(sandbox)).execute();
        if (bindings.length > 0) await transaction.insertInto('bindings').values(bindings.map(bindingRow)).execute();
        return 'inserted';
      });
    },

    async byId(id) {
      const row = await read
        .selectFrom('sandboxes')
        .selectAll()
        .where('id', '=', id)
        .where('deleted_at', 'is', null)
        .executeTakeFirst();
      return row === undefined ? null : sandboxRecord(row);
    },

    async byIdEver(id) {
      const row = await read.selectFrom('sandboxes').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : sandboxRecord(row);
    },

    async list(teamId, { status, metadata = {}, limit, offset }) {
      let query = read
        .selectFrom('sandboxes')
        .selectAll()
        .where('team_id', '=', teamId)
        .where('deleted_at', 'is', null)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .offset(offset);
      if (status !== undefined) query = query.where('status', 'in', status);
      for (const [key, value] of Object.entries(metadata)) query = query.where(hasMetadata[kind](key, value));
      const rows = await query.execute();
      return rows.map(sandboxRecord);
    },

    async byServer(server) {
      const rows = await read
        .selectFrom('sandboxes')
        .selectAll()
        .where('server', '=', server)
        .where('deleted_at', 'is', null)
        .execute();
      return rows.map(sandboxRecord);
    },

    async due(server, at) {
      const rows = await read
        .selectFrom('sandboxes')
        .selectAll()
        .where('server', '=', server)
        .where('deleted_at', 'is', null)
        .where((each) =>
          each.or([
            each.and([
              each('status', '=', 'active'),
              each(sql<number>`active_since + timeout_seconds * 1000`, '<=', at.getTime()),
            ]),
            each.and([
              each('status', '=', 'paused'),
              each(sql<number>`paused_at + auto_delete_seconds * 1000`, '<=', at.getTime()),
            ]),
          ]),
        )
        .execute();
      return rows.map(sandboxRecord);
    },

    async nextDue(server) {
      const { active, paused } = await read
        .selectFrom('sandboxes')
        .select([
          sql<number | null>`min(case when status = 'active' then active_since + timeout_seconds * 1000 end)`.as(
            'active',
          ),
          sql<number | null>`min(case when status = 'paused' then paused_at + auto_delete_seconds * 1000 end)`.as(
            'paused',
          ),
        ])
        .where('server', '=', server)
        .where('deleted_at', 'is', null)
        .executeTakeFirstOrThrow();
      const times = [active, paused].filter((each) => each !== null).map(Number);
      return times.length === 0 ? null : new Date(Math.min(...times));
    },

    async update(id, change, from) {
      const row = await write
        .updateTable('sandboxes')
        // A column to itself: a change of nothing is a statement too, and reads what is there. Not `id`, which others refer to:
        // SQLite would look through all of them.
        .set((each) => ({ access_generation: each.ref('access_generation'), ...changedColumns(change) }))
        .where('id', '=', id)
        .where('deleted_at', 'is', null)
        .$if(from !== undefined, (query) => query.where('status', 'in', from ?? []))
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? null : sandboxRecord(row);
    },

    remove(id, at) {
      return write.transaction().execute(async (transaction) => {
        const { numUpdatedRows } = await transaction
          .updateTable('sandboxes')
          .set({ deleted_at: at.getTime() })
          .where('id', '=', id)
          .where('deleted_at', 'is', null)
          .executeTakeFirst();
        await transaction.deleteFrom('preview_ports').where('sandbox_id', '=', id).execute();
        await transaction
          .updateTable('bindings')
          .set({ detached_at: at.getTime() })
          .where('sandbox_id', '=', id)
          .where('detached_at', 'is', null)
          .execute();
        return numUpdatedRows === 1n;
      });
    },
  };
}

/** Whether the JSON object in `metadata` has this key with this value. Keys may hold any character. */
const hasMetadata = {
  sqlite: (key: string, value: string) =>
    sql<boolean>`exists (select 1 from json_each(metadata) as entry where entry.key = ${key} and entry.value = ${value})`,
  postgres: (key: string, value: string) => sql<boolean>`metadata::jsonb ->> ${key} = ${value}`,
};

/** One that is being made counts, for the others that wait for this: the team's row is held until the transaction ends. */
async function hasRoom(transaction: Transaction<Schema>, teamId: string, most: number): Promise<boolean> {
  await transaction
    .updateTable('teams')
    .set((each) => ({ name: each.ref('name') }))
    .where('id', '=', teamId)
    .execute();
  const { count } = await transaction
    .selectFrom('sandboxes')
    .select(({ fn }) => fn.countAll<number | string>().as('count'))
    .where('team_id', '=', teamId)
    .where('deleted_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(count) < most;
}

function changedColumns(change: Parameters<SandboxStore['update']>[1]): Updateable<SandboxRow> {
  const { status, metadata, network, timeoutSeconds, autoDeleteSeconds, proxyTokenHash, accessGeneration } = change;
  const { previewAccess, activeSince, pausedAt } = change;
  return {
    ...(status === undefined ? {} : { status }),
    ...(metadata === undefined ? {} : { metadata: storableJson(metadata) }),
    ...(network === undefined ? {} : { network: storableJson(network) }),
    ...(timeoutSeconds === undefined ? {} : { timeout_seconds: timeoutSeconds }),
    ...(autoDeleteSeconds === undefined ? {} : { auto_delete_seconds: autoDeleteSeconds }),
    ...(proxyTokenHash === undefined ? {} : { proxy_token_hash: proxyTokenHash }),
    ...(accessGeneration === undefined ? {} : { access_generation: accessGeneration }),
    ...(previewAccess === undefined ? {} : { preview_access: previewAccess }),
    ...(activeSince === undefined ? {} : { active_since: activeSince?.getTime() ?? null }),
    ...(pausedAt === undefined ? {} : { paused_at: pausedAt?.getTime() ?? null }),
  };
}
