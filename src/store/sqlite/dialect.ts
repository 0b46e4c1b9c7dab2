import { CompiledQuery, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { DatabaseConnection, Dialect, Driver, Kysely, QueryResult } from 'kysely';
import { storableText } from '../text.ts';
import type { SqliteConnection } from './connection.ts';
import type { SqliteValue } from './protocol.ts';

/** Kysely over one SQLite connection in a thread. Whoever has acquired it has it alone, so transactions never mix. */
export function sqliteDialect(connection: SqliteConnection): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => sqliteDriver(connection),
    createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

function sqliteDriver(connection: SqliteConnection): Driver {
  const turns = createTurns();
  const shared: DatabaseConnection = {
    async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
      const { rows, changes } = await connection.run<Row>(sql, parameters.map(sqliteValue));
      return { rows, numAffectedRows: BigInt(changes) };
    },
    streamQuery() {
      throw new Error('this driver does not stream rows');
    },
  };
  return {
    init: async () => {},
    async acquireConnection() {
      await turns.take();
      return shared;
    },
    async releaseConnection() {
      turns.pass();
    },
    async beginTransaction(each) {
      // IMMEDIATE: the write lock is taken here, where waiting is possible, not at the first write, where it may fail.
      await each.executeQuery(CompiledQuery.raw('begin immediate'));
    },
    async commitTransaction(each) {
      await each.executeQuery(CompiledQuery.raw('commit'));
    },
    rollbackTransaction: () => connection.rollback(),
    // Whoever opened the connection closes it.
    destroy: async () => {},
  };
}

function sqliteValue(value: unknown): SqliteValue {
  if (typeof value === 'string') return storableText(value);
  if (value === null || typeof value === 'number' || typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`SQLite has no place for a value of type ${typeof value}`);
}

/** One at a time, in the order of asking. */
function createTurns() {
  const queue: (() => void)[] = [];
  let taken = false;
  return {
    take(): Promise<void> {
      if (taken) return new Promise((resolve) => queue.push(resolve));
      taken = true;
      return Promise.resolve();
    },
    pass(): void {
      const next = queue.shift();
      if (next === undefined) taken = false;
      else next();
    },
  };
}
