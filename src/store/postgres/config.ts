import { TypeOverrides, types } from 'pg';
import type { ClientConfig } from 'pg';

/** Milliseconds. The server ends a statement first, so that its connection stays usable; the client's own limit is for a server that is gone. */
const timeouts = { connect: 5000, statement: 10_000, query: 15_000, idleInTransaction: 30_000 };

/** How every connection is made. `patient`: without limits on a statement's time, for migrations. */
export function connectionConfig(url: string, options: { patient?: boolean } = {}): ClientConfig {
  return {
    connectionString: url,
    application_name: 'standin',
    connectionTimeoutMillis: timeouts.connect,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idle_in_transaction_session_timeout: timeouts.idleInTransaction,
    ...(options.patient === true ? {} : { statement_timeout: timeouts.statement, query_timeout: timeouts.query }),
    types: numbers(),
  };
}

/** `bigint` columns as numbers: times, sizes and ids of events stay far below 2^53. */
function numbers(): TypeOverrides {
  const overrides = new TypeOverrides();
  overrides.setTypeParser(types.builtins.INT8, Number);
  return overrides;
}
