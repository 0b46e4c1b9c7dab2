import { resolve } from 'node:path';
import { StartupError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { apiKeyStore } from './api-keys.ts';
import { activityStore } from './activity.ts';
import { bindingStore } from './bindings.ts';
import type { Database } from './database.ts';
import { eventStore } from './events.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations/list.ts';
import { openPostgres } from './postgres/open.ts';
import { postgresStartupError } from './postgres/errors.ts';
import { previewStore } from './previews.ts';
import { runStore } from './runs.ts';
import { sandboxStore } from './sandboxes.ts';
import { secretStore } from './secrets.ts';
import { sessionStore } from './sessions.ts';
import { settingStore } from './settings.ts';
import { openSqlite, sqliteStartupError } from './sqlite/open.ts';
import type { Store } from './store.ts';
import { teamStore } from './teams.ts';
import { webhookStore } from './webhooks.ts';

/**
 * Opens `sqlite:<path>` (made where it is missing) or `postgres://...`, brings its schema up to date and gives the store.
 * Throws StartupError, one line that says what to do, where the database is out of reach, unusable or newer than the code.
 */
export async function openStore(databaseUrl: string, options: { logger?: Logger } = {}): Promise<Store> {
  const database = await openDatabase(databaseUrl, options.logger);
  try {
    await migrate(database.migrator, database.kind, migrations);
  } catch (error) {
    await database.close();
    throw startupError(databaseUrl, database.kind, error);
  }
  return createStore(database);
}

/** Connects, without touching the schema. */
export function openDatabase(databaseUrl: string, logger?: Logger): Promise<Database> {
  if (/^postgres(?:ql)?:\/\//.test(databaseUrl)) return openPostgres(databaseUrl, logger);
  return openSqlite(sqlitePath(databaseUrl), logger);
}

function createStore(database: Database): Store {
  const { kind, read, write, changes } = database;
  const answers = (db: typeof read) => db.selectFrom('schema_migrations').select('number').limit(1).execute();
  return {
    kind,
    teams: teamStore(database),
    apiKeys: apiKeyStore(database),
    sessions: sessionStore(database),
    secrets: secretStore(database),
    sandboxes: sandboxStore(database),
    previews: previewStore(database),
    bindings: bindingStore(database),
    events: eventStore(database),
    activity: activityStore(database),
    webhooks: webhookStore(database),
    settings: settingStore(database),
    runs: runStore(database),
    changes,
    async ping() {
      await Promise.all([answers(read), answers(write)]);
    },
    close: () => database.close(),
  };
}

function sqlitePath(databaseUrl: string): string {
  const path = databaseUrl.replace(/^sqlite:/, '');
  if (path === databaseUrl || path === '' || path === ':memory:') {
    throw new StartupError(
      'STANDIN_DATABASE_URL: must be sqlite:<path of a file> or postgres://user:password@host/database',
    );
  }
  return resolve(path);
}

function startupError(databaseUrl: string, kind: Database['kind'], error: unknown): unknown {
  if (error instanceof StartupError) return error;
  return kind === 'sqlite'
    ? sqliteStartupError(sqlitePath(databaseUrl), error)
    : postgresStartupError(databaseUrl, error);
}
