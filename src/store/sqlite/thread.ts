import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { openingId } from './protocol.ts';
import type { SqliteValue, ThreadError, ThreadOptions, ThreadReply, ThreadRequest } from './protocol.ts';
import { rollBack, writeSegments } from './write-segments.ts';

/**
 * Entry of a thread that holds one SQLite connection: `node:sqlite` is synchronous, and an fsync on the main thread
 * would stop every request there. Statements run one after the other, as they arrive.
 */

const busyTimeout = 5000;
const preparedAtMost = 200;

function main(port: NonNullable<typeof parentPort>): void {
  let database: DatabaseSync;
  try {
    database = open(workerData);
  } catch (error) {
    reply({ id: openingId, error: describe(error) });
    return;
  }
  const statements = statementRunner(database);
  port.on('message', (request: ThreadRequest) => {
    try {
      if ('close' in request) {
        database.close();
        reply({ id: request.id, rows: [], changes: 0 });
        port.close();
      } else if ('segments' in request) {
        writeSegments(database, statements.prepare, request.segments);
        reply({ id: request.id, rows: [], changes: request.segments.length });
      } else if ('rollback' in request) {
        rollBack(database);
        reply({ id: request.id, rows: [], changes: 0 });
      } else {
        reply({ id: request.id, ...statements.run(request.sql, request.parameters) });
      }
    } catch (error) {
      reply({ id: request.id, error: describe(error) });
    }
  });
  reply({ id: openingId, rows: [], changes: 0 });

  function reply(message: ThreadReply): void {
    port.postMessage(message);
  }
}

function open({ path, readOnly }: ThreadOptions): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: busyTimeout, enableForeignKeyConstraints: true });
  database.exec('pragma journal_mode = wal');
  // In WAL mode only FULL flushes the log before a commit is acknowledged (sqlite.org/pragma.html#pragma_synchronous).
  database.exec('pragma synchronous = full');
  // What is erased (old sealed values) is overwritten, not only unlinked.
  database.exec('pragma secure_delete = on');
  database.exec('pragma journal_size_limit = 67108864');
  if (readOnly) database.exec('pragma query_only = on');
  return database;
}

function statementRunner(database: DatabaseSync) {
  const prepared = new Map<string, { statement: StatementSync; returnsRows: boolean }>();

  function prepare(sql: string) {
    let entry = prepared.get(sql);
    if (entry === undefined) {
      const statement = database.prepare(sql);
      entry = { statement, returnsRows: statement.columns().length > 0 };
    }
    // Moved to the end, so that the first is the one that was used least lately.
    prepared.delete(sql);
    prepared.set(sql, entry);
    if (prepared.size > preparedAtMost) {
      for (const oldest of prepared.keys()) {
        prepared.delete(oldest);
        break;
      }
    }
    return entry;
  }

  return {
    /** The statement that `sql` is prepared as. */
    prepare: (sql: string) => prepare(sql).statement,
    run(sql: string, parameters: SqliteValue[]): { rows: Record<string, SqliteValue>[]; changes: number } {
      const { statement, returnsRows } = prepare(sql);
      if (!returnsRows) return { rows: [], changes: Number(statement.run(...parameters).changes) };
      const rows = statement.all(...parameters);
      return { rows, changes: rows.length };
    },
  };
}

function describe(error: unknown): ThreadError {
  if (!(error instanceof Error)) return { message: 'unknown failure', code: null };
  const code = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : null;
  return { message: error.message, code };
}

if (parentPort !== null) main(parentPort);
