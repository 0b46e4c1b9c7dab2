import { Kysely, sql } from 'kysely';
import type { Logger } from '../../log.ts';
import type { Database } from '../database.ts';
import type { Schema } from '../schema.ts';
import { postgresAppendSegments } from './append-segments.ts';
import { postgresChanges } from './changes.ts';
import { connectionConfig } from './config.ts';
import { postgresStartupError } from './errors.ts';
import { postgresDialect } from './dialect.ts';

/** Connects to PostgreSQL. Throws StartupError that says what to do where it can't be reached or refuses us. */
export async function openPostgres(url: string, logger: Logger | undefined): Promise<Database> {
  const opened: { close(): Promise<void> }[] = [];
  const connect = (config: Parameters<typeof postgresDialect>[0]) => {
    const db = new Kysely<Schema>({ dialect: postgresDialect(config, logger) });
    opened.push({ close: () => db.destroy() });
    return db;
  };
  const close = async () => {
    for (const each of opened.toReversed()) await each.close();
  };
  try {
    const db = connect({ ...connectionConfig(url), max: 10 });
    await warnOfRisk(db, logger);
    const migrator = connect({ ...connectionConfig(url, { patient: true }), max: 1, idleTimeoutMillis: 1000 });
    const changes = await postgresChanges(db, connectionConfig(url), logger);
    opened.push(changes);
    const appendSegments = postgresAppendSegments(db);
    return { kind: 'postgres', read: db, write: db, migrator, appendSegments, changes, close };
  } catch (error) {
    await close();
    throw postgresStartupError(url, error);
  }
}

/** What only the server's own configuration can change is at least said. */
async function warnOfRisk(db: Kysely<Schema>, logger: Logger | undefined): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select name from pg_settings where name in ('fsync', 'full_page_writes') and setting = 'off'
  `.execute(db);
  for (const { name } of rows) {
    logger?.warn({ setting: name }, 'PostgreSQL runs with this setting off: a power cut can lose acknowledged writes');
  }
}
