import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import { eventColumns } from '../event-columns.ts';
import type { Schema } from '../schema.ts';

/** Key of the advisory lock under which event ids are given out. */
const appendLock = 7_374_616_002;

const names = sql.raw(eventColumns.map(([name]) => name).join(', '));
const values = sql.raw(eventColumns.map(([, type], index) => `(event->>${index})::${type}`).join(', '));

/** A text is one statement with one value, a JSON array: 18 parameters a row would soon be more than there may be. */
export function postgresAppendEvents(db: Kysely<Schema>): (rows: readonly string[]) => Promise<void> {
  return (rows) =>
    db.transaction().execute(async (transaction) => {
      // Ids are drawn under a lock that is held until the commit, so they become visible in their order: who has seen an
      // id will never see a lower one appear, and a cursor skips nothing.
      await sql`select pg_advisory_xact_lock(${appendLock})`.execute(transaction);
      for (const json of rows) {
        await sql`
          insert into events (${names}) select ${values} from json_array_elements(${json}::json) as event
        `.execute(transaction);
      }
    });
}
