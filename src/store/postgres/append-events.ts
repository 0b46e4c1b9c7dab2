import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import { eventColumns } from '../event-columns.ts';
import type { NewEvent } from '../event-columns.ts';
import type { Schema } from '../schema.ts';

/** Events that go into one statement. */
const rowsAtOnce = 1000;
/** Key of the advisory lock under which event ids are given out. */
const appendLock = 7_374_616_002;

const names = sql.raw(eventColumns.map(([name]) => name).join(', '));
const jsonColumns = sql.raw(eventColumns.map(([name, type]) => `${name} ${type}`).join(', '));

/** A batch is one statement with one value, a JSON array: 18 parameters a row would soon be more than there may be. */
export function postgresAppendEvents(db: Kysely<Schema>): (events: readonly NewEvent[]) => Promise<void> {
  return (events) =>
    db.transaction().execute(async (transaction) => {
      // Ids are drawn under a lock that is held until the commit, so they become visible in their order: who has seen an
      // id will never see a lower one appear, and a cursor skips nothing.
      await sql`select pg_advisory_xact_lock(${appendLock})`.execute(transaction);
      for (let start = 0; start < events.length; start += rowsAtOnce) {
        const json = JSON.stringify(events.slice(start, start + rowsAtOnce));
        await sql`
          insert into events (${names}) select ${names} from json_to_recordset(${json}::json) as event (${jsonColumns})
        `.execute(transaction);
      }
    });
}
