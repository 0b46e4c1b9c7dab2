import type { Kysely } from 'kysely';
import type { AuditSegment } from '../audit-rows.ts';
import type { Schema } from './schema.ts';
import type { ChangeFeed } from './store.ts';

/** A connected database. */
export interface Database {
  readonly kind: 'sqlite' | 'postgres';
  /** On SQLite a connection of its own, so that reads never queue behind an audit batch; sees all that is committed. */
  read: Kysely<Schema>;
  write: Kysely<Schema>;
  /** For statements that may take minutes. */
  migrator: Kysely<Schema>;
  /** Numbered, chained and inserted in their order, all or nothing. Durable when resolved. */
  appendSegments(segments: readonly AuditSegment[]): Promise<void>;
  changes: ChangeFeed;
  close(): Promise<void>;
}
