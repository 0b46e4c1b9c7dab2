import { createHash } from 'node:crypto';
import { CompiledQuery, sql } from 'kysely';
import type { Kysely, Transaction } from 'kysely';
import { StartupError } from '../errors.ts';
import { sqlDialects } from './migrations/migration.ts';
import type { Migration } from './migrations/migration.ts';
import type { Schema } from './schema.ts';

/** Key of the PostgreSQL advisory lock under which one process at a time migrates. */
const migrationLock = 7_374_616_001;

/**
 * Brings the schema forward, one transaction for each migration. Any number of processes may do so at once: one
 * migrates, the others wait and find it done. Throws StartupError, with nothing changed, where the database was written by a newer
 * version of the code, or a migration that it remembers is not the one that the code has.
 */
export async function migrate(
  db: Kysely<Schema>,
  kind: 'sqlite' | 'postgres',
  migrations: readonly Migration[],
): Promise<void> {
  let more = true;
  while (more) {
    more = await db.transaction().execute(async (transaction) => {
      const applied = await readApplied(transaction, kind);
      verify(applied, migrations, kind);
      const next = migrations[applied.length];
      if (next === undefined) return false;
      for (const statement of next.statements(sqlDialects[kind])) {
        await transaction.executeQuery(CompiledQuery.raw(statement));
      }
      await next.convert?.(transaction);
      await transaction
        .insertInto('schema_migrations')
        .values({
          number: next.number,
          name: next.name,
          checksum: checksum(next, kind),
          applied_at: Date.now(),
        })
        .execute();
      return true;
    });
  }
}

/** SHA-256 over what a migration says to this kind of database, hex. White space and indentation don't count. */
export function checksum(migration: Migration, kind: 'sqlite' | 'postgres'): string {
  const statements = migration.statements(sqlDialects[kind]).map((each) => each.replaceAll(/\s+/g, ' ').trim());
  return createHash('sha256')
    .update(JSON.stringify([migration.number, migration.name, statements]))
    .digest('hex');
}

interface Applied {
  number: number;
  name: string;
  checksum: string;
}

async function readApplied(transaction: Transaction<Schema>, kind: 'sqlite' | 'postgres'): Promise<Applied[]> {
  if (kind === 'postgres') {
    await sql`set local statement_timeout = 0`.execute(transaction);
    // Held until this transaction ends. SQLite's BEGIN IMMEDIATE does the same by itself.
    await sql`select pg_advisory_xact_lock(${migrationLock})`.execute(transaction);
  }
  const { integer } = sqlDialects[kind];
  await transaction.executeQuery(
    CompiledQuery.raw(
      `create table if not exists schema_migrations (
        number ${integer} primary key not null, name text not null, checksum text not null, applied_at ${integer} not null
      )`,
    ),
  );
  return transaction.selectFrom('schema_migrations').select(['number', 'name', 'checksum']).orderBy('number').execute();
}

function verify(applied: Applied[], migrations: readonly Migration[], kind: 'sqlite' | 'postgres'): void {
  const newest = applied.at(-1);
  if (newest !== undefined && newest.number > migrations.length) {
    throw new StartupError(
      `the database was written by a newer standin (schema ${newest.number}, this one knows ${migrations.length}): ` +
        'run that version or a later one, or restore the backup made before the upgrade',
    );
  }
  for (const [index, found] of applied.entries()) {
    const known = migrations[index];
    if (known !== undefined && known.number === found.number && checksum(known, kind) === found.checksum) continue;
    throw new StartupError(
      `migration ${found.number} (${found.name}) of the database is not the one that this standin has: ` +
        'run the version that wrote the database, or restore a backup',
    );
  }
}
