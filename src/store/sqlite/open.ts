import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { Kysely } from 'kysely';
import { StandinError, StartupError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Database } from '../database.ts';
import type { Schema } from '../schema.ts';
import { sqliteAppendSegments } from './append-segments.ts';
import { sqliteChanges } from './changes.ts';
import { openConnection } from './connection.ts';
import { sqliteDialect } from './dialect.ts';
import { fileTrouble } from './errors.ts';

/**
 * Opens, or makes, the SQLite file at `path` (mode 0600, its log files too). Throws StartupError that says what to do
 * where it can't be written or is not a database.
 */
export async function openSqlite(path: string, logger: Logger | undefined): Promise<Database> {
  prepareFile(path);
  try {
    // The writer first: it turns WAL on, and the reader finds it so.
    const writer = await openConnection({ path, readOnly: false });
    const reader = await openConnection({ path, readOnly: true });
    const write = new Kysely<Schema>({ dialect: sqliteDialect(writer) });
    const read = new Kysely<Schema>({ dialect: sqliteDialect(reader) });
    const changes = sqliteChanges(write, logger);
    return {
      kind: 'sqlite',
      read,
      write,
      migrator: write,
      appendSegments: sqliteAppendSegments(write, writer),
      changes,
      async close() {
        changes.close();
        // Not through Kysely, which ends only what it has used. The writer last: it then folds the log into the file.
        await reader.close();
        await writer.close();
      },
    };
  } catch (error) {
    throw sqliteStartupError(path, error);
  }
}

/** Turns trouble with the file into one line that says what to do; anything else passes as it is. */
export function sqliteStartupError(path: string, error: unknown): unknown {
  const trouble = fileTrouble(error instanceof StandinError ? error.cause : error);
  if (trouble === null) return error;
  return new StartupError(`database ${path} ${trouble.what}: ${trouble.fix}`, { cause: error });
}

function prepareFile(path: string): void {
  const directory = dirname(path);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // SQLite gives its log files the mode of the database, so this comes before it opens any of them.
    const isNew = !existsSync(path);
    closeSync(openSync(path, 'a', 0o600));
    for (const each of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(each)) chmodSync(each, 0o600);
    if (isNew) flushDirectory(directory);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new StartupError(
      `database ${path} cannot be written (${code}): give the user that runs standin write access to ${directory}, ` +
        'or name another place in STANDIN_DATA_DIR',
      { cause: error },
    );
  }
}

/** Without this a power cut could take the new file's name, and with it every write acknowledged since. */
function flushDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
