import type { Kysely } from 'kysely';
import { eventColumns } from '../event-columns.ts';
import type { NewEvent } from '../event-columns.ts';
import type { Schema } from '../schema.ts';
import type { SqliteConnection } from './connection.ts';
import type { SqliteValue } from './protocol.ts';

const names = eventColumns.map(([name]) => name);
const insert = `insert into events (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`;

/**
 * A prepared statement run once a row costs a fourth of one statement over JSON, and one message to the thread is a whole
 * transaction. Kysely is asked for the connection alone, so that nothing of another transaction comes between.
 */
export function sqliteAppendEvents(
  write: Kysely<Schema>,
  connection: SqliteConnection,
): (events: readonly NewEvent[]) => Promise<void> {
  return (events) => write.connection().execute(() => connection.runForEach(insert, events.map(valuesOf)));
}

function valuesOf(event: NewEvent): SqliteValue[] {
  return names.map((name) => event[name]);
}
