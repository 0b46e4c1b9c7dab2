import type { AuditSegment } from '../../audit-rows.ts';

/** What the main thread and the thread that holds a SQLite connection say to each other. */

export interface ThreadOptions {
  path: string;
  /** Refuses to write, whatever is asked. */
  readOnly: boolean;
}

export type SqliteValue = null | number | bigint | string | Uint8Array;

export type ThreadRequest =
  | { id: number; sql: string; parameters: SqliteValue[] }
  /** To be inserted in one transaction. */
  | { id: number; segments: readonly AuditSegment[] }
  | { id: number; rollback: true }
  | { id: number; close: true };

export type ThreadReply =
  | ({ id: number } & ThreadResult<Record<string, SqliteValue>>)
  | { id: number; error: ThreadError };

export interface ThreadResult<Row> {
  rows: Row[];
  /** Rows changed, or returned. */
  changes: number;
}

/** A failure as plain data: `code` is SQLite's extended result code where it came from SQLite. */
export interface ThreadError {
  message: string;
  code: number | null;
}

/** The reply to the opening, which has no request. */
export const openingId = 0;
