import type { Kysely } from 'kysely';
import { eventColumns } from '../event-columns.ts';
import type { Schema } from '../schema.ts';
import type { SqliteConnection } from './connection.ts';

/**
 * The rows go to the thread as the text that they are, and one message there is a whole transaction. Kysely is asked for
 * the connection alone, so that nothing of another transaction comes between.
 */
export function sqliteAppendEvents(
  write: Kysely<Schema>,
  connection: SqliteConnection,
): (rows: readonly string[]) => Promise<void> {
  const columns = eventColumns.map(([name]) => name);
  return (rows) => write.connection().execute(() => connection.insertRows({ table: 'events', columns, rows }));
}
