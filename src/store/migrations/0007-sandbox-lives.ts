import type { Migration } from './migration.ts';

/** What a sandbox's life is measured by, who runs it, and the ports of it that are published. */
export const sandboxLives: Migration = {
  number: 7,
  name: 'sandbox-lives',
  statements: ({ integer, strict }) => [
    `alter table sandboxes add column template text not null default 'base'`,
    `alter table sandboxes add column server text`,
    `alter table sandboxes add column preview_access text not null default 'private'`,
    `alter table sandboxes add column active_since ${integer}`,
    `alter table sandboxes add column paused_at ${integer}`,
    `create index sandboxes_live_server on sandboxes (server, status) where deleted_at is null`,
    `create table preview_ports (
      sandbox_id text not null,
      port ${integer} not null,
      access text not null,
      token_version ${integer} not null,
      published ${integer} not null,
      created_at ${integer} not null,
      primary key (sandbox_id, port)
    ) ${strict}`,
  ],
};
