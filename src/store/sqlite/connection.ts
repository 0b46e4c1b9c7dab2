import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AuditSegment } from '../../audit-rows.ts';
import { StandinError } from '../../errors.ts';
import { SqliteError, statementError } from './errors.ts';
import { openingId } from './protocol.ts';
import type { SqliteValue, ThreadOptions, ThreadReply, ThreadRequest, ThreadResult } from './protocol.ts';

type Unsent<Request> = Request extends unknown ? Omit<Request, 'id'> : never;

interface Caller {
  /** A method, so that callers who name the row they expect fit in one map. */
  resolve(result: ThreadResult<unknown>): void;
  reject(error: Error): void;
}

/** A SQLite connection in a thread of its own. */
export interface SqliteConnection {
  /** Runs one statement. Rejects with `unavailable` where the file, the disk or the thread is at fault, else SqliteError. */
  run<Row>(sql: string, parameters: SqliteValue[]): Promise<ThreadResult<Row>>;
  /** Inserts segments in a transaction of their own: all or nothing. Rejects as `run` does. */
  writeSegments(segments: readonly AuditSegment[]): Promise<void>;
  /** Ends the open transaction, if SQLite has not done so itself. */
  rollback(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the file in a new thread. Rejects as `run` does where it can't be opened. */
export async function openConnection(options: ThreadOptions): Promise<SqliteConnection> {
  const waiting = new Map<number, Caller>();
  let lastId = openingId;
  let gone: Error | null = null;
  // In the built package this file and the thread's are JavaScript.
  const worker = new Worker(new URL(`./thread${extname(import.meta.url)}`, import.meta.url), {
    name: 'standin-sqlite',
    workerData: options,
    env: {},
  });

  function expect<Row>(id: number): Promise<ThreadResult<Row>> {
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve: (result: ThreadResult<Row>) => resolve(result), reject });
    });
  }

  function send<Row>(request: Unsent<ThreadRequest>): Promise<ThreadResult<Row>> {
    if (gone !== null) return Promise.reject(gone);
    const id = ++lastId;
    const result = expect<Row>(id);
    worker.postMessage({ ...request, id }, []);
    return result;
  }

  function end(cause?: Error): void {
    gone ??= new StandinError('unavailable', 'the database is closed', cause === undefined ? {} : { cause });
    for (const caller of waiting.values()) caller.reject(gone);
    waiting.clear();
  }

  const opened = expect<never>(openingId);
  worker.on('message', (reply: ThreadReply) => {
    const caller = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ('error' in reply) caller?.reject(statementError(new SqliteError(reply.error)));
    else caller?.resolve(reply);
  });
  worker.on('error', (error) => end(error instanceof Error ? error : undefined));
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      end();
      resolve();
    });
  });

  try {
    await opened;
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  return {
    run: (sql, parameters) => send({ sql, parameters }),
    async writeSegments(segments) {
      await send({ segments });
    },
    async rollback() {
      await send({ rollback: true });
    },
    async close() {
      if (gone === null) await send({ close: true });
      await exited;
    },
  };
}
