import type { Migration } from './migration.ts';

/** Where events are sent, and what is to be sent (docs/webhooks.md). */
export const webhooks: Migration = {
  number: 5,
  name: 'webhooks',
  statements: ({ bytes, integer, strict }) => [
    `create table webhooks (
      id text primary key not null,
      team_id text not null references teams (id),
      url text not null,
      events text not null,
      loopback ${integer} not null,
      ciphertext ${bytes} not null,
      wrapped_key ${bytes} not null,
      key_id text not null,
      created_at ${integer} not null
    ) ${strict}`,
    `create index webhooks_by_team on webhooks (team_id)`,
    `create table webhook_deliveries (
      id text primary key not null,
      webhook_id text not null references webhooks (id),
      team_id text not null,
      body text not null,
      created_at ${integer} not null,
      attempts ${integer} not null,
      due_at ${integer} not null,
      ended_at ${integer},
      outcome text
    ) ${strict}`,
    `create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at) where ended_at is null`,
    `create index webhook_deliveries_waiting on webhook_deliveries (team_id) where ended_at is null`,
    `create index webhook_deliveries_ended on webhook_deliveries (ended_at) where ended_at is not null`,
  ],
};
