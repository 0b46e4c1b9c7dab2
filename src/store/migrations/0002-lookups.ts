import type { Migration } from './migration.ts';

/** Indexes behind the audit cursors, a stand-in found in the wrong place, and lists of what is live. */
export const lookups: Migration = {
  number: 2,
  name: 'lookups',
  statements: () => [
    `create index events_by_secret on events (secret_id, id) where secret_id is not null`,
    `create index events_by_sandbox on events (sandbox_id, id)`,
    `create index bindings_by_fingerprint on bindings (fingerprint)`,
    `create index bindings_by_secret on bindings (secret_id) where detached_at is null`,
    `create index sandboxes_live on sandboxes (team_id, created_at) where deleted_at is null`,
    `create index sandboxes_live_by_driver on sandboxes (driver) where deleted_at is null`,
    `create index api_keys_by_team on api_keys (team_id)`,
  ],
};
