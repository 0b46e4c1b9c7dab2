import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import type { Database } from '../../../../src/store/database.ts';
import { checksum, migrate } from '../../../../src/store/migrate.ts';
import { migrations } from '../../../../src/store/migrations/list.ts';
import type { Migration } from '../../../../src/store/migrations/migration.ts';
import { openDatabase, openStore } from '../../../../src/store/open.ts';
import { noon, openFor, segmentsOf, startupError } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

/** What was released. A line here is never changed: databases out there remember it. */
const released = {
  sqlite: [
    '37a24844ba8c4e4ba1200cfe1d4f84167a6f543991784ec8648c1abe846b68c1',
    '56775d31167a333f4be94db88c548f0a2507c0c20b81eafce2c6924cede2a0f2',
    'c2d5327ca3d81efde21675b8f6ee144c6a30d1f1be6a2e7f9632a117ba979c28',
    '577576f40db7c7b242f83cd8e7f9f2bdf3d96a63a34eea3f10da872b8f2d9cb5',
    'a04bb20d08a7e0da376e968315e6758c9023c089c4286193985692372ba6b503',
    'c1db01de5af23e8236dc74b7db771a7255956bbae2dd8d97fa14ecc30ddb035a',
    'cb7bf87254d6ea6c7aeb83738d2a0086a4ac8782ba571ca2547d0ba6a958778f',
    'ec00bbcf3759112d6612c34ce0088f98efc627d8a2d33e257bc8e9287a004d43',
    'eac12bf222700f9ddebbde9dc4f9cb14bb9196c7d2a5e12baf2d78b2816b4a32',
  ],
  postgres: [
    'db90526e2721d1095cbb0aff636780fb09b075adff1e8c3fdefbd586a216b1c3',
    '56775d31167a333f4be94db88c548f0a2507c0c20b81eafce2c6924cede2a0f2',
    '8284f86812c17548510334cc59c308ba9802031f69e40a123ef28cec415f1e24',
    '577576f40db7c7b242f83cd8e7f9f2bdf3d96a63a34eea3f10da872b8f2d9cb5',
    'd05823614619d3f6cec840630d48cb7b8046f7b3035dd4a5b9e0eb5e6e86f16c',
    '54336a6fad65d5a41a09156c7e711f09581eea1f294ccbe5ebe041448821018b',
    '904b35a16198482ebacf1d766871cdfa3f049ace4be9054a35392f4a95f0b51f',
    '44bae8d854a5b3b5db185bec04e862c610e2bed8d6ab8c97024c338ec672937d',
    '4ed02846ebb5aada9e734b2b7e09d945eaf671f41903dce37775d6dca6da3aa1',
  ],
};

async function withDatabase<Result>(url: string, body: (db: Database) => Promise<Result>): Promise<Result> {
  const db = await openDatabase(url);
  try {
    return await body(db);
  } finally {
    await db.close();
  }
}

function applied(db: Database) {
  return db.read.selectFrom('schema_migrations').select(['number', 'checksum']).orderBy('number').execute();
}

async function tables(db: Database): Promise<string[]> {
  const found = await db.read.introspection.getTables();
  return found.map((each) => each.name).toSorted();
}

export function migrationSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: migrations`, () => {
    it('that were released have not been edited since', () => {
      assert.deepEqual(
        migrations.map((each) => checksum(each, kind)),
        released[kind],
      );
      assert.deepEqual(
        migrations.map((each) => each.number),
        migrations.map((_, index) => index + 1),
      );
    });

    it('build an empty database, are recorded, and do nothing the second time', async (test) => {
      const url = await freshUrl();
      for (let start = 0; start < 2; start++) {
        const store = await openFor(test, url);
        assert.equal(await store.teams.count(), 0);
        await store.close();
        const rows = await withDatabase(url, applied);
        assert.deepEqual(
          rows,
          migrations.map((each) => ({ number: each.number, checksum: checksum(each, kind) })),
        );
      }
    });

    it('bring the schema before the last one forward and keep its data', async (test) => {
      const url = await freshUrl();
      const teamId = randomUUID();
      const secretId = randomUUID();
      await withDatabase(url, async (db) => {
        await migrate(db.write, kind, migrations.slice(0, -1));
        await db.write.insertInto('teams').values({ id: teamId, name: 'old', created_at: noon.getTime() }).execute();
        await sql`
          insert into secrets (id, team_id, name, auth_type, auth_config, hosts, version, created_at, updated_at)
          values (${secretId}, ${teamId}, 'kept', 'bearer', '{"type":"bearer"}', '["a.example.com"]', 3, 1, 2)
        `.execute(db.write);
      });
      const store = await openFor(test, url);
      assert.equal((await store.teams.byName('old'))?.id, teamId);
      assert.equal((await store.secrets.byName(teamId, 'kept'))?.version, 3);
    });

    it('move events that were rows into chained segments, with their ids and in their order', async (test) => {
      const url = await freshUrl();
      const [teamId, ...secretIds] = [randomUUID(), randomUUID(), randomUUID()];
      const request = (id: number) => ({
        id,
        kind: 'request' as const,
        ts: noon,
        teamId,
        sandboxId: `box-${Math.floor(id / 3) % 2}`,
        secretId: id % 5 === 0 ? null : (secretIds[id % 2] ?? null),
        host: 'a.example.com',
        method: 'GET',
        path: `/${id}/"\\é`,
        status: id % 7 === 0 ? null : 200 + (id % 4) * 100,
        upstreamStatus: 200,
        latencyMs: id,
        errorCode: id % 7 === 0 ? 'host_denied' : null,
        dstIp: null,
        dstPort: null,
        verdict: null,
        matchRule: null,
        bytesSent: null,
        tripwire: null,
        bytesRecv: null,
      });
      const connection = (id: number) => ({
        ...request(id),
        kind: 'connection' as const,
        method: null,
        path: null,
        status: null,
        upstreamStatus: null,
        latencyMs: null,
        errorCode: null,
        dstIp: '203.0.113.7',
        dstPort: 443,
        verdict: 'allowed' as const,
        matchRule: '*',
        bytesSent: 5_000_000_000,
        bytesRecv: 0,
      });
      // Ids with holes, as PostgreSQL leaves them where a transaction was taken back.
      const old = Array.from({ length: 2500 }, (_, index) => index + 1 + (index > 40 ? 7 : 0)).map((id) =>
        id % 11 === 0 ? connection(id) : request(id),
      );
      // In the order of the columns, but that a time is a number there.
      const columns = (event: (typeof old)[number]) =>
        Object.entries(event)
          .filter(([name]) => name !== 'tripwire')
          .map(([, value]) => (value instanceof Date ? value.getTime() : value));
      await withDatabase(url, async (db) => {
        await migrate(db.write, kind, migrations.slice(0, 2));
        for (let start = 0; start < old.length; start += 500) {
          const rows = old.slice(start, start + 500).map((event) => sql`(${sql.join(columns(event))})`);
          await sql`
            insert into events (
              id, kind, ts, team_id, sandbox_id, secret_id, host, method, path, status, upstream_status, latency_ms,
              error_code, dst_ip, dst_port, verdict, match_rule, bytes_sent, bytes_recv
            ) ${sql.raw(kind === 'postgres' ? 'overriding system value' : '')} values ${sql.join(rows)}
          `.execute(db.write);
        }
      });
      const store = await openFor(test, url);
      const newestFirst = old.toReversed().map((event) => Object.assign(event, { sandboxName: null }));
      for (const sandboxId of ['box-0', 'box-1']) {
        assert.deepEqual(
          await store.events.bySandbox(sandboxId, { limit: 3000 }),
          newestFirst.filter((event) => event.sandboxId === sandboxId),
        );
      }
      for (const secretId of secretIds) {
        const wanted = newestFirst.filter((event) => event.secretId === secretId && event.kind === 'request');
        assert.deepEqual(await store.events.bySecret(secretId, { limit: 3000 }), wanted);
        const errors = wanted.filter(({ status, errorCode }) => errorCode !== null || (status ?? 0) >= 400);
        assert.deepEqual(await store.events.bySecret(secretId, { limit: 3000, status: 'errors' }), errors);
      }
      const { broken, events, lastId } = await store.events.verify();
      assert.deepEqual({ broken, events, lastId }, { broken: null, events: 2500, lastId: 2507 });
      await store.events.append(segmentsOf([{ ...request(1), sandboxId: 'box-0' }]));
      assert.equal((await store.events.bySandbox('box-0', { limit: 1 }))[0]?.id, 2508);
      assert.equal((await store.events.verify()).broken, null);
      const left = await withDatabase(url, tables);
      assert.ok(!left.includes('events'));
    });

    it('run once where several processes start at once, on an empty database or an old one', async () => {
      for (const already of [0, migrations.length - 1]) {
        const url = await freshUrl();
        await withDatabase(url, (db) => migrate(db.write, kind, migrations.slice(0, already)));
        const stores = await Promise.all([1, 2, 3, 4].map(() => openStore(url)));
        for (const each of stores) await each.close();
        assert.equal((await withDatabase(url, applied)).length, migrations.length);
      }
    });

    it('refuse a database that a newer version wrote, and leave it alone', async () => {
      const url = await freshUrl();
      const future: Migration = {
        number: migrations.length + 1,
        name: 'future',
        statements: () => ['create table later (a text)'],
      };
      const before = await withDatabase(url, async (db) => {
        await migrate(db.write, kind, [...migrations, future]);
        return { tables: await tables(db), applied: await applied(db) };
      });
      const { message } = await startupError(url);
      const [theirs, ours] = [migrations.length + 1, migrations.length];
      assert.ok(
        message.includes(`newer standin (schema ${theirs}, this one knows ${ours}): run that version`),
        message,
      );
      const found = await withDatabase(url, async (db) => ({ tables: await tables(db), applied: await applied(db) }));
      assert.deepEqual(found, before);
    });

    it('refuse a database whose migration is not the one they know, and leave it alone', async () => {
      const url = await freshUrl();
      await (await openStore(url)).close();
      await withDatabase(url, (db) =>
        db.write.updateTable('schema_migrations').set({ checksum: 'other' }).where('number', '=', 1).execute(),
      );
      assert.match((await startupError(url)).message, /^migration 1 \(vault\) of the database is not the one/);
    });

    it('leave nothing of a migration that fails half-way', async () => {
      const url = await freshUrl();
      const broken: Migration = {
        number: migrations.length + 1,
        name: 'broken',
        statements: () => ['create table half (a text)', 'insert into nowhere values (1)'],
      };
      await withDatabase(url, async (db) => {
        await migrate(db.write, kind, migrations);
        const before = await tables(db);
        await assert.rejects(migrate(db.write, kind, [...migrations, broken]));
        assert.deepEqual(await tables(db), before);
        assert.equal((await applied(db)).length, migrations.length);
      });
    });
  });
}
