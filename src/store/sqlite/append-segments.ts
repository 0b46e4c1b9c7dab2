import type { Kysely } from 'kysely';
import type { AuditSegment } from '../../audit-rows.ts';
import type { Schema } from '../schema.ts';
import type { SqliteConnection } from './connection.ts';

/**
 * The segments go to the thread as they are, and one message there is a whole transaction. Kysely is asked for the
 * connection alone, so that nothing of another transaction comes between.
 */
export function sqliteAppendSegments(
  write: Kysely<Schema>,
  connection: SqliteConnection,
): (segments: readonly AuditSegment[]) => Promise<void> {
  return (segments) => write.connection().execute(() => connection.writeSegments(segments));
}
