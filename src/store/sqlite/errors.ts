import { StandinError } from '../../errors.ts';
import type { ThreadError } from './protocol.ts';

/** A failure that SQLite reported. */
export class SqliteError extends Error {
  /** SQLite's extended result code, where there is one. */
  readonly resultCode: number | null;

  constructor({ message, code }: ThreadError) {
    super(message);
    this.name = 'SqliteError';
    this.resultCode = code;
  }
}

/** Result codes (sqlite.org/rescode.html) that tell of the file or the disk rather than of the statement. */
const troubles = new Map<number, { what: string; fix: string }>([
  [5, { what: 'is locked by another process', fix: 'end the other process that uses it' }],
  [8, { what: 'cannot be written', fix: 'give the user that runs standin write access to the file and its directory' }],
  [10, { what: 'cannot be read or written: the disk reports an error', fix: 'check the disk' }],
  [11, { what: 'is damaged', fix: 'restore it from your backup' }],
  [13, { what: 'cannot grow: the disk is full', fix: 'free some space' }],
  [14, { what: 'cannot be opened', fix: 'give the user that runs standin access to the file and its directory' }],
  [26, { what: 'is not a database', fix: 'name another file in STANDIN_DATABASE_URL, or restore it from your backup' }],
]);

/** What is wrong with the file and what to do, or null where the error is of another kind. */
export function fileTrouble(error: unknown): { what: string; fix: string } | null {
  if (!(error instanceof SqliteError) || error.resultCode === null) return null;
  // The low byte is the primary code.
  return troubles.get(error.resultCode & 0xff) ?? null;
}

/** A failed statement as the store's callers see it: `unavailable` where the file or disk is at fault. */
export function statementError(error: SqliteError): Error {
  const trouble = fileTrouble(error);
  if (trouble === null) return error;
  return new StandinError('unavailable', `the database ${trouble.what}`, { cause: error, retryAfter: 1 });
}
