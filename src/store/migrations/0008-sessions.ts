import type { Migration } from './migration.ts';

/** Browsers that are signed in, and when the value of a secret was replaced. */
export const sessions: Migration = {
  number: 8,
  name: 'sessions',
  statements: ({ integer, strict }) => [
    `create table sessions (
      hash text primary key not null,
      key_id text not null references api_keys (id),
      created_at ${integer} not null,
      expires_at ${integer} not null
    ) ${strict}`,
    `create index sessions_by_end on sessions (expires_at)`,
    `create table secret_versions (
      secret_id text not null,
      version ${integer} not null,
      created_at ${integer} not null,
      retired_at ${integer},
      primary key (secret_id, version)
    ) ${strict}`,
    // Of those before the current one nothing is known any more.
    `insert into secret_versions (secret_id, version, created_at, retired_at)
      select id, version, case when version = 1 then created_at else updated_at end, deleted_at from secrets`,
    `create index secrets_live_by_age on secrets (team_id, created_at, id) where deleted_at is null`,
  ],
};
