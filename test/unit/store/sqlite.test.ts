import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, mock, test } from 'node:test';
import { DatabaseSync } from 'node:sqlite';
import { randomUUID } from 'node:crypto';
import { SqliteQueryCompiler } from 'kysely';
import { openStore } from '../../../src/store/open.ts';
import { storeSuite } from './suite/all.ts';

let directory: string;
const freshUrl = async () => `sqlite:${join(directory, `${randomUUID()}.db`)}`;

/** Sees every statement that the suite makes. */
const compiled = mock.method(SqliteQueryCompiler.prototype, 'compileQuery');

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'standin-store-'));
});
after(() => rm(directory, { recursive: true, force: true }));

storeSuite({ kind: 'sqlite', freshUrl });

/** What may be read whole. */
const readWhole: readonly RegExp[] = [
  // Few rows, or all of them are asked for, or what is read is the statement's own.
  /^SCAN (?:schema_migrations|sqlite_master|audit_head|activity_head|server_runs|entry|p|\d+-ROW VALUES CLAUSE)\b/,
  // The check of a reference, which is made only while one is broken: never here.
  /^SCAN bindings: insert into "secrets"/,
  // A webhook is deleted seldom, and what was delivered is pruned.
  /^SCAN webhook_deliveries: delete /,
];

test('no statement reads a whole table to find a few rows', async () => {
  const url = await freshUrl();
  const store = await openStore(url);
  await store.close();
  const statements = new Set(compiled.mock.calls.map(({ result }) => result?.sql ?? ''));
  const database = new DatabaseSync(url.replace('sqlite:', ''), { readOnly: true });
  try {
    const scans = [...statements]
      .filter((sql) => /^(?:select|update|delete|insert|with)/.test(sql))
      .flatMap((sql) => {
        const steps = database.prepare(`explain query plan ${sql}`).all();
        return steps.flatMap(({ detail }) =>
          /^SCAN (?!.*USING)/.test(String(detail)) ? [`${String(detail)}: ${sql}`] : [],
        );
      })
      .filter((scan) => !readWhole.some((allowed) => allowed.test(scan)));
    assert.ok(statements.size > 50);
    assert.deepEqual(scans, []);
  } finally {
    database.close();
  }
});
