import type { Database } from './database.ts';
import type { DeliveryRow, WebhookRow } from './schema.ts';
import type { DeliveryRecord, WebhookRecord, WebhookStore } from './store.ts';
import { storableJson } from './text.ts';

/** Deliveries in one statement: a statement takes a bounded number of parameters. */
const rowsAtOnce = 500;

export function webhookStore({ read, write }: Database): WebhookStore {
  return {
    async insert(webhook, { ciphertext, wrappedKey, keyId }, most) {
      return write.transaction().execute(async (transaction) => {
        // The team's row is written, so that two at once come one after the other.
        await transaction.updateTable('teams').set({ id: webhook.teamId }).where('id', '=', webhook.teamId).execute();
        const there = await transaction
          .selectFrom('webhooks')
          .select((each) => each.fn.countAll<number>().as('count'))
          .where('team_id', '=', webhook.teamId)
          .executeTakeFirstOrThrow();
        if (there.count >= most) return 'full';
        await transaction
          .insertInto('webhooks')
          .values({ ...webhookRow(webhook), ciphertext, wrapped_key: wrappedKey, key_id: keyId })
          .execute();
        return 'inserted';
      });
    },

    async list(teamId) {
      const rows = await read
        .selectFrom('webhooks')
        .selectAll()
        .where('team_id', '=', teamId)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .execute();
      return rows.map(webhookRecord);
    },

    async find(id) {
      const row = await read.selectFrom('webhooks').selectAll().where('id', '=', id).executeTakeFirst();
      if (row === undefined) return null;
      const sealed = { ciphertext: row.ciphertext, wrappedKey: row.wrapped_key, keyId: row.key_id };
      return { webhook: webhookRecord(row), sealed };
    },

    remove(teamId, id) {
      return write.transaction().execute(async (transaction) => {
        const found = await transaction
          .selectFrom('webhooks')
          .select('id')
          .where('id', '=', id)
          .where('team_id', '=', teamId)
          .executeTakeFirst();
        if (found === undefined) return false;
        await transaction.deleteFrom('webhook_deliveries').where('webhook_id', '=', id).execute();
        const { numDeletedRows } = await transaction.deleteFrom('webhooks').where('id', '=', id).executeTakeFirst();
        return numDeletedRows === 1n;
      });
    },

    queue(teamId, deliveries, most) {
      return write.transaction().execute(async (transaction) => {
        const waiting = await transaction
          .selectFrom('webhook_deliveries')
          .select((each) => each.fn.countAll<number>().as('count'))
          .where('team_id', '=', teamId)
          .where('ended_at', 'is', null)
          .executeTakeFirstOrThrow();
        const room = Math.max(0, most - waiting.count);
        const live = await transaction.selectFrom('webhooks').select('id').where('team_id', '=', teamId).execute();
        const ids = new Set(live.map(({ id }) => id));
        const kept = deliveries.filter(({ webhookId }) => ids.has(webhookId)).slice(0, room);
        for (let start = 0; start < kept.length; start += rowsAtOnce) {
          const rows = kept.slice(start, start + rowsAtOnce).map((each) => deliveryRow(teamId, each));
          await transaction.insertInto('webhook_deliveries').values(rows).execute();
        }
        return kept.length;
      });
    },

    async due(at, { busy, limit }) {
      const heads = await read
        .selectFrom('webhook_deliveries')
        .select(['webhook_id', (each) => each.fn.min('due_at').as('due')])
        .where('ended_at', 'is', null)
        .where('due_at', '<=', at.getTime())
        .$if(busy.length > 0, (query) => query.where('webhook_id', 'not in', busy))
        .groupBy('webhook_id')
        .orderBy('due')
        .limit(limit)
        .execute();
      const found: DeliveryRecord[] = [];
      for (const { webhook_id: webhookId } of heads) {
        const row = await read
          .selectFrom('webhook_deliveries')
          .selectAll()
          .where('webhook_id', '=', webhookId)
          .where('ended_at', 'is', null)
          .where('due_at', '<=', at.getTime())
          .orderBy('due_at')
          .limit(1)
          .executeTakeFirst();
        if (row !== undefined) found.push(deliveryRecord(row));
      }
      return found;
    },

    async claim({ id, dueAt, attempts }, until) {
      const { numUpdatedRows } = await write
        .updateTable('webhook_deliveries')
        .set({ due_at: until.getTime(), attempts: attempts + 1 })
        .where('id', '=', id)
        .where('due_at', '=', dueAt.getTime())
        .where('attempts', '=', attempts)
        .where('ended_at', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },

    async postpone(id, until) {
      await write
        .updateTable('webhook_deliveries')
        .set({ due_at: until.getTime() })
        .where('id', '=', id)
        .where('ended_at', 'is', null)
        .execute();
    },

    async end(id, outcome, at) {
      await write
        .updateTable('webhook_deliveries')
        .set({ ended_at: at.getTime(), outcome, body: '' })
        .where('id', '=', id)
        .where('ended_at', 'is', null)
        .execute();
    },

    async nextDue(busy) {
      const row = await read
        .selectFrom('webhook_deliveries')
        .select((each) => each.fn.min('due_at').as('due'))
        .where('ended_at', 'is', null)
        .$if(busy.length > 0, (query) => query.where('webhook_id', 'not in', busy))
        .executeTakeFirst();
      return row?.due === null || row?.due === undefined ? null : new Date(row.due);
    },

    async prune(before) {
      await write.deleteFrom('webhook_deliveries').where('ended_at', '<', before.getTime()).execute();
    },
  };
}

function webhookRow({ id, teamId, url, events, loopback, createdAt }: WebhookRecord) {
  return {
    id,
    team_id: teamId,
    url,
    events: storableJson(events),
    loopback: loopback ? 1 : 0,
    created_at: createdAt.getTime(),
  };
}

function webhookRecord(row: WebhookRow): WebhookRecord {
  return {
    id: row.id,
    teamId: row.team_id,
    url: row.url,
    events: JSON.parse(row.events),
    loopback: row.loopback === 1,
    createdAt: new Date(row.created_at),
  };
}

function deliveryRow(
  teamId: string,
  { id, webhookId, body, createdAt }: Parameters<WebhookStore['queue']>[1][number],
): DeliveryRow {
  const at = createdAt.getTime();
  return {
    id,
    webhook_id: webhookId,
    team_id: teamId,
    body,
    created_at: at,
    attempts: 0,
    due_at: at,
    ended_at: null,
    outcome: null,
  };
}

function deliveryRecord(row: DeliveryRow): DeliveryRecord {
  return {
    id: row.id,
    webhookId: row.webhook_id,
    body: row.body,
    createdAt: new Date(row.created_at),
    attempts: row.attempts,
    dueAt: new Date(row.due_at),
  };
}
