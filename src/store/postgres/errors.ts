import { Client, DatabaseError } from 'pg';
import { StandinError, StartupError } from '../../errors.ts';

/** True for a failure of the connection or the server, after which this connection must not be used again. */
export function connectionLost(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return true;
  // Class 08, 57P (shutting down, starting up) and 25P03 (idle too long) end the session (postgresql.org/docs, Appendix A).
  return /^(?:08|57P|25P03)/.test(error.code ?? '');
}

/** A failure as the store's callers see it: `unavailable` where it may pass by itself. */
export function queryError(error: unknown): unknown {
  if (!connectionLost(error) && !isTransient(error)) return error;
  return new StandinError('unavailable', 'the database does not answer', { cause: error, retryAfter: 1 });
}

/** Classes 40 (deadlock, serialization), 53 (disk full, too many connections), 55P03 and 57014 (timeouts). */
function isTransient(error: unknown): boolean {
  return error instanceof DatabaseError && /^(?:40|53|55P03|57014)/.test(error.code ?? '');
}

/** One line that says what is wrong and what to do; never the password in `url`. */
export function postgresStartupError(url: string, error: unknown): StartupError {
  const cause = error instanceof StandinError ? error.cause : error;
  const place = describe(url);
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no answer';
  return new StartupError(
    `PostgreSQL at ${place} ${remedies.get(code) ?? `can't be reached (${code}): start it, or correct STANDIN_DATABASE_URL`}`,
    {
      cause,
    },
  );
}

const wrongUser = 'refused the user or password: correct them in STANDIN_DATABASE_URL';
const remedies = new Map([
  ['28P01', wrongUser],
  ['28000', wrongUser],
  ['3D000', 'has no such database: make it with createdb, or correct STANDIN_DATABASE_URL'],
  ['42501', 'does not let this user make tables: grant it create on the schema'],
  ['25006', 'is read-only: name the primary server in STANDIN_DATABASE_URL'],
  ['53300', 'has no connection left: raise max_connections, or end other clients'],
]);

function describe(url: string): string {
  try {
    const { host, port, database } = new Client({ connectionString: url });
    return `${host}:${port}/${database ?? ''}`;
  } catch {
    return 'an address that STANDIN_DATABASE_URL does not make clear (postgres://user:password@host:port/database)';
  }
}
