import { CompiledQuery, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import type { DatabaseConnection, Dialect, Driver, Kysely, QueryResult } from 'kysely';
import { Pool } from 'pg';
import type { PoolClient, PoolConfig } from 'pg';
import type { Logger } from '../../log.ts';
import { storableText } from '../text.ts';
import { connectionLost, queryError } from './errors.ts';

/**
 * Kysely over a pool of PostgreSQL connections. Unlike Kysely's own driver it rejects with `unavailable` where the
 * connection or the server failed, and throws such a connection away: one that timed out may still be mid-answer.
 */
export function postgresDialect(config: PoolConfig, logger: Logger | undefined): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => postgresDriver(config, logger),
    createIntrospector: (db: Kysely<unknown>) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

function postgresDriver(config: PoolConfig, logger: Logger | undefined): Driver {
  const pool = new Pool(config);
  const durable = new WeakSet<PoolClient>();
  const noted = (error: Error) => logger?.warn({ err: error }, 'a connection to the database was lost');
  pool.on('error', noted);
  // Without a listener of its own a connection lost while in use would end the process.
  pool.on('connect', (client) => void client.on('error', noted));

  return {
    init: async () => {},
    async acquireConnection() {
      const client = await pool.connect().catch((error: unknown) => {
        throw queryError(error);
      });
      const connection = new PostgresConnection(client);
      if (!durable.has(client)) {
        try {
          await connection.executeQuery(CompiledQuery.raw(makeDurable));
        } catch (error) {
          connection.release();
          throw error;
        }
        durable.add(client);
      }
      return connection;
    },
    async releaseConnection(connection) {
      if (connection instanceof PostgresConnection) connection.release();
    },
    async beginTransaction(connection) {
      await connection.executeQuery(CompiledQuery.raw('begin'));
    },
    async commitTransaction(connection) {
      await connection.executeQuery(CompiledQuery.raw('commit'));
    },
    async rollbackTransaction(connection) {
      await connection.executeQuery(CompiledQuery.raw('rollback'));
    },
    destroy: () => pool.end(),
  };
}

/** A write that resolved is durable: a server or role that turned this off is overruled for our sessions. */
const makeDurable =
  "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";

class PostgresConnection implements DatabaseConnection {
  readonly #client: PoolClient;
  #lost = false;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    // What a timed-out statement left behind on this connection would delay a rollback by as much again.
    if (this.#lost) throw queryError(new Error('the connection was lost'));
    const values = parameters.map((each) => (typeof each === 'string' ? storableText(each) : each));
    try {
      const { rows, rowCount } = await this.#client.query(sql, values);
      return { rows, numAffectedRows: BigInt(rowCount ?? 0) };
    } catch (error) {
      this.#lost ||= connectionLost(error);
      throw queryError(error);
    }
  }

  streamQuery(): never {
    throw new Error('this driver does not stream rows');
  }

  release(): void {
    this.#client.release(this.#lost);
  }
}
