import type { Migration } from './migration.ts';

/**
 * Figures of the audit trail (docs/adr/0038), made from its segments a little later than these: what is lost of them is made
 * anew by setting `rolled_to` back to 0 and emptying them.
 */
export const activity: Migration = {
  number: 9,
  name: 'activity',
  statements: ({ integer, strict, clustered }) => [
    `create table activity_totals (
      team_id text not null,
      width ${integer} not null,
      at ${integer} not null,
      requests ${integer} not null,
      refusals ${integer} not null,
      failures ${integer} not null,
      tripwires ${integer} not null,
      latencies text not null,
      primary key (team_id, width, at)
    ) ${clustered}`,
    `create table activity_secrets (
      secret_id text not null,
      at ${integer} not null,
      uses ${integer} not null,
      refusals ${integer} not null,
      primary key (secret_id, at)
    ) ${clustered}`,
    `create table activity_edges (
      team_id text not null,
      width ${integer} not null,
      at ${integer} not null,
      sandbox_id text not null,
      secret_id text not null,
      host text not null,
      requests ${integer} not null,
      refusals ${integer} not null,
      primary key (team_id, width, at, sandbox_id, secret_id, host)
    ) ${clustered}`,
    `create index activity_edges_busiest on activity_edges (team_id, width, at, requests)`,
    // Segments up to this id are counted.
    `create table activity_head (
      one ${integer} primary key not null check (one = 1),
      rolled_to ${integer} not null
    ) ${strict}`,
    `insert into activity_head (one, rolled_to) values (1, 0)`,
    // The last id that there was at a time, so that a search by time need not begin at the end.
    `create table activity_marks (
      at ${integer} primary key not null,
      last_id ${integer} not null
    ) ${strict}`,
    // A team has its segments listed as a sandbox has.
    `insert into audit_owners (owner, last_id)
      select team_id, last_id from audit_segments
      where team_id is not null and last_id <= (select indexed_to from audit_head)`,
  ],
};
