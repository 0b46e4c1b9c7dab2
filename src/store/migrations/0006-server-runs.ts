import type { Migration } from './migration.ts';

/** Servers that run, so that one which ends without a word is noticed (docs/adr/0029). */
export const serverRuns: Migration = {
  number: 6,
  name: 'server-runs',
  statements: ({ integer, strict }) => [
    `create table server_runs (
      id text primary key not null,
      server text not null,
      settled_at ${integer} not null,
      beats ${integer} not null
    ) ${strict}`,
  ],
};
