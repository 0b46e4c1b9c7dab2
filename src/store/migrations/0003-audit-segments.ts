import { convertEvents } from './convert-events.ts';
import type { Migration } from './migration.ts';

/** Events in chained segments (docs/adr/0029) instead of a row for each. Those that there are keep their ids. */
export const auditSegments: Migration = {
  number: 3,
  name: 'audit-segments',
  statements: ({ bytes, integer, strict, clustered }) => [
    // No references: history outlives what it tells of. `rows` last: the columns before it are read without it.
    `create table audit_segments (
      last_id ${integer} primary key not null,
      first_id ${integer} not null,
      team_id text,
      sandbox_id text,
      traits ${integer} not null,
      secret_ids text not null,
      hash ${bytes} not null,
      rows text not null,
      check (first_id > 0 and first_id <= last_id)
    ) ${strict}`,
    // Which segments are a sandbox's and which have events of a secret; those after audit_head.indexed_to are not in it.
    `create table audit_owners (
      owner text not null,
      last_id ${integer} not null,
      primary key (owner, last_id)
    ) ${clustered}`,
    `create table audit_head (
      one ${integer} primary key not null check (one = 1),
      last_id ${integer} not null,
      hash ${bytes} not null,
      indexed_to ${integer} not null,
      waiting ${integer} not null
    ) ${strict}`,
  ],
  convert: convertEvents,
};
