/**
 * `audit_owners` says which segments are a team's, which a sandbox's, and which have events of a secret. An entry at each append would
 * touch a page for each sandbox and secret, which costs more than all the rest where many are at work. So the entries
 * of many segments are made at once, in the order of the table; until then readers look through those segments.
 */

/** This many segments may wait for their entries. */
export const waitingAtMost = 4096;

const valuesOf = {
  sqlite: 'json_each(secret_ids)',
  postgres: 'json_array_elements_text(secret_ids::json) as each(value)',
};

/** Makes the entries of all segments after an id, its one parameter. */
export function indexSegments(kind: 'sqlite' | 'postgres'): string {
  const after = kind === 'sqlite' ? '?1' : '$1';
  return `
    insert into audit_owners (owner, last_id)
    select sandbox_id, last_id from audit_segments where last_id > ${after} and sandbox_id is not null
    union select team_id, last_id from audit_segments where last_id > ${after} and team_id is not null
    union select value, last_id from audit_segments, ${valuesOf[kind]} where last_id > ${after}
    order by 1, 2
  `;
}
