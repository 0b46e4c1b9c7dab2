import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { CompiledQuery } from 'kysely';
import { OpenSegment } from '../../src/audit-rows.ts';
import type { AuditSegment } from '../../src/audit-rows.ts';
import { chainStart, segmentHash } from '../../src/store/chain.ts';
import type { Database } from '../../src/store/database.ts';
import { openDatabase, openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import type { AuditBreak } from '../../src/store/trail.ts';
import { postgresMissing, startPostgres } from '../support/postgres.ts';
import type { Postgres } from '../support/postgres.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/**
 * Row 25: whoever can write to the database changes the audit trail behind the server's back. `verify` names the place,
 * in both databases; a trail that was written anew as a whole shows against an end that was kept elsewhere.
 */

const team = randomUUID();
const boxes = [randomUUID(), randomUUID()];
const secrets = [randomUUID(), randomUUID()];

/** Three events of one sandbox: the n-th segment of a trail has the ids 3n+1 to 3n+3. */
function segment(n: number): AuditSegment {
  const open = new OpenSegment({ teamId: team, sandboxId: boxes[n % 2] ?? '' });
  for (let at = 0; at < 3; at++) {
    const secret = open.numberOf(secrets[(n + at) % 2] ?? '');
    open.push(['request', 1_767_000_000_000 + n, secret, 'api.example.com', 'GET', `/${n}/${at}`, 200, 200, 5, null]);
  }
  return open.close();
}

interface Trail {
  store: Store;
  /** Runs SQL as somebody else. */
  sql: (statement: string, ...parameters: unknown[]) => Promise<unknown>;
  db: Database;
}

/** A store that holds nothing but events 1 to 18 in six segments, which came in three groups. */
async function trail(test: TestContext, url: string): Promise<Trail> {
  const store = await openStore(url);
  test.after(() => store.close());
  const db = await openDatabase(url);
  test.after(() => db.close());
  for (const table of ['audit_segments', 'audit_owners', 'audit_head'] as const)
    await db.write.deleteFrom(table).execute();
  const start = { one: 1, last_id: 0, hash: chainStart, indexed_to: 0, waiting: 0 };
  await db.write.insertInto('audit_head').values(start).execute();
  for (const n of [0, 2, 4]) await store.events.append([segment(n), segment(n + 1)]);
  const spelled = (text: string) => (db.kind === 'sqlite' ? text.replaceAll('$', '?') : text);
  return { store, db, sql: (text, ...values) => db.write.executeQuery(CompiledQuery.raw(spelled(text), values)) };
}

/** Makes the hashes anew from a segment on, and the head, as one would who knows this code. */
async function rechain({ db }: Trail, from: number): Promise<void> {
  const rows = await db.write.selectFrom('audit_segments').selectAll().orderBy('last_id').execute();
  let hash = chainStart;
  for (const row of rows) {
    if (row.last_id >= from) {
      const { first_id: firstId, last_id: lastId, team_id: teamId, sandbox_id: sandboxId } = row;
      const { traits, secret_ids: secretIds, rows: text } = row;
      hash = segmentHash(hash, { firstId, lastId, teamId, sandboxId, traits, secretIds, rows: text });
      await db.write.updateTable('audit_segments').set({ hash }).where('last_id', '=', lastId).execute();
    } else {
      hash = row.hash;
    }
  }
  await db.write
    .updateTable('audit_head')
    .set({ hash, last_id: rows.at(-1)?.last_id ?? 0 })
    .execute();
}

type Change = [name: string, change: (trail: Trail) => Promise<unknown>, broken: AuditBreak];

const copied = 'team_id, sandbox_id, traits, secret_ids, hash, rows';

const changes: Change[] = [
  [
    'a path of an event is changed',
    ({ sql }) => sql("update audit_segments set rows = replace(rows, '/2/1', '/x/y') where last_id = 9"),
    { id: 7, how: 'edited' },
  ],
  [
    'an event is taken out of a segment',
    ({ sql }) => sql("update audit_segments set rows = '[]' where last_id = 9"),
    { id: 7, how: 'edited' },
  ],
  [
    'events are given to another sandbox',
    ({ sql }) => sql("update audit_segments set sandbox_id = 'other' where last_id = 9"),
    { id: 7, how: 'edited' },
  ],
  [
    'events are given to another team',
    ({ sql }) => sql('update audit_segments set team_id = null where last_id = 3'),
    { id: 1, how: 'edited' },
  ],
  [
    'events are given to another secret',
    ({ sql }) => sql(`update audit_segments set secret_ids = '["x","y"]' where last_id = 9`),
    { id: 7, how: 'edited' },
  ],
  [
    'what a segment says to hold is changed, so that a filter passes over it',
    ({ sql }) => sql('update audit_segments set traits = 0 where last_id = 9'),
    { id: 7, how: 'edited' },
  ],
  [
    'the first id of a segment is changed',
    ({ sql }) => sql('update audit_segments set first_id = 8 where last_id = 9'),
    { id: 7, how: 'removed' },
  ],
  [
    'a hash is changed',
    ({ sql }) => sql('update audit_segments set hash = $1 where last_id = 9', Buffer.alloc(32)),
    { id: 7, how: 'edited' },
  ],
  [
    'a segment is changed and its own hash made anew',
    async (all) => {
      await all.sql("update audit_segments set rows = replace(rows, '/2/1', '/x/y') where last_id = 9");
      const hashes = await all.db.write.selectFrom('audit_segments').select(['last_id', 'hash']).execute();
      await rechain(all, 9);
      for (const { last_id: lastId, hash } of hashes.filter((each) => each.last_id > 9)) {
        await all.db.write.updateTable('audit_segments').set({ hash }).where('last_id', '=', lastId).execute();
      }
    },
    { id: 10, how: 'edited' },
  ],
  [
    'the last segment is changed and its own hash made anew',
    async (all) => {
      const head = await all.db.write.selectFrom('audit_head').selectAll().executeTakeFirstOrThrow();
      await all.sql("update audit_segments set rows = replace(rows, '/5/1', '/x/y') where last_id = 18");
      await rechain(all, 18);
      await all.db.write.updateTable('audit_head').set({ hash: head.hash }).execute();
    },
    { id: 18, how: 'other_head' },
  ],
  [
    'the first segment is deleted',
    ({ sql }) => sql('delete from audit_segments where last_id = 3'),
    { id: 1, how: 'removed' },
  ],
  ['a segment is deleted', ({ sql }) => sql('delete from audit_segments where last_id = 9'), { id: 7, how: 'removed' }],
  ['all are deleted', ({ sql }) => sql('delete from audit_segments'), { id: 1, how: 'cut_off' }],
  ['the end is deleted', ({ sql }) => sql('delete from audit_segments where last_id > 12'), { id: 13, how: 'cut_off' }],
  [
    'the end is deleted, and the server goes on',
    async ({ sql, store }) => {
      await sql('delete from audit_segments where last_id > 12');
      await store.events.append([segment(6)]);
    },
    { id: 13, how: 'removed' },
  ],
  [
    'two segments change places',
    async ({ sql }) => {
      await sql(`insert into audit_segments (last_id, first_id, ${copied})
        select 99, 97, ${copied} from audit_segments where last_id = 6`);
      await sql('delete from audit_segments where last_id = 6');
      await sql('update audit_segments set last_id = 6, first_id = 4 where last_id = 9');
      await sql('update audit_segments set last_id = 9, first_id = 7 where last_id = 99');
    },
    { id: 4, how: 'edited' },
  ],
  [
    'a segment is put in at the end',
    ({ sql }) =>
      sql(`insert into audit_segments (last_id, first_id, ${copied})
        select 21, 19, ${copied} from audit_segments where last_id = 18`),
    { id: 19, how: 'inserted' },
  ],
  [
    'a segment is put in between, chained to the one before it',
    async ({ sql, db }) => {
      const rows = await db.write.selectFrom('audit_segments').selectAll().where('last_id', 'in', [6, 9]).execute();
      const [previous, copy] = rows.toSorted((a, b) => a.last_id - b.last_id);
      assert.ok(previous !== undefined && copy !== undefined);
      const [, only] = /^\[(\[.*?\]),/.exec(copy.rows) ?? [];
      const one = { firstId: 7, lastId: 7, teamId: copy.team_id, sandboxId: copy.sandbox_id, traits: copy.traits };
      const hash = segmentHash(previous.hash, { ...one, secretIds: copy.secret_ids, rows: `[${only ?? ''}]` });
      const values = [7, 7, copy.team_id, copy.sandbox_id, copy.traits, copy.secret_ids, hash, `[${only ?? ''}]`];
      await sql(
        `insert into audit_segments (last_id, first_id, ${copied}) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
        ...values,
      );
    },
    { id: 7, how: 'inserted' },
  ],
  [
    'a segment says fewer events than it has, with every hash made anew',
    async (all) => {
      await all.sql(`update audit_segments set rows = '[]' where last_id = 9`);
      await rechain(all, 9);
    },
    { id: 7, how: 'edited' },
  ],
  [
    'a segment is no JSON, with every hash made anew',
    async (all) => {
      await all.sql(`update audit_segments set rows = 'x' where last_id = 9`);
      await rechain(all, 9);
    },
    { id: 7, how: 'edited' },
  ],
  ['the head is deleted', ({ sql }) => sql('delete from audit_head'), { id: 19, how: 'cut_off' }],
  [
    'the head is set back',
    async ({ sql, db }) => {
      const row = await db.write
        .selectFrom('audit_segments')
        .select('hash')
        .where('last_id', '=', 12)
        .executeTakeFirst();
      await sql('update audit_head set last_id = 12, hash = $1', row?.hash);
    },
    { id: 13, how: 'inserted' },
  ],
  [
    'segments are said to be listed with their sandboxes that are not, so that nobody finds them',
    ({ sql }) => sql('update audit_head set indexed_to = 18, waiting = 0'),
    { id: 1, how: 'unlisted' },
  ],
];

/** Each test makes the trail of its one database anew. */
function suite(urlOf: () => string): void {
  it('is whole when nobody changed it, also beside the server that goes on writing', async (test) => {
    const { store } = await trail(test, urlOf());
    const first = await store.events.verify();
    assert.deepEqual(
      { ...first, lastHash: '' },
      { segments: 6, events: 18, lastId: 18, lastHash: '', gaps: { count: 0, newest: [] }, broken: null },
    );
    const writing: Promise<void>[] = [];
    const beside = await store.events.verify({
      onProgress: () => writing.push(store.events.append([segment(6)]), store.events.append([segment(7)])),
    });
    await Promise.all(writing);
    assert.deepEqual(beside, first);
    const since = { lastId: first.lastId, hash: Buffer.from(first.lastHash, 'hex') };
    const { broken, events, segments } = await store.events.verify({ since });
    assert.deepEqual({ broken, events, segments }, { broken: null, events: 6, segments: 2 });
  });

  for (const [name, change, broken] of changes) {
    it(`names the place where ${name}`, async (test) => {
      const all = await trail(test, urlOf());
      await change(all);
      assert.deepEqual((await all.store.events.verify()).broken, broken);
    });
  }

  it('shows what was hidden from its secret, sandbox or team, of those that are listed there', async (test) => {
    const all = await trail(test, urlOf());
    await all.store.events.append(Array.from({ length: 4200 }, (_, n) => segment(n)));
    assert.equal((await all.store.events.verify()).broken, null);
    const listed = await all.db.read.selectFrom('audit_owners').select('owner').distinct().execute();
    assert.deepEqual(listed.map(({ owner }) => owner).toSorted(), [team, ...boxes, ...secrets].toSorted());
    for (const [id, owner] of [
      [3010, boxes[1]],
      [1000, secrets[0]],
      [100, team],
    ] as const) {
      await all.sql('delete from audit_owners where owner = $1 and last_id = $2', owner, id + 2);
      assert.deepEqual((await all.store.events.verify()).broken, { id, how: 'unlisted' });
    }
  });

  it('shows a trail that was cut off or written anew without a trace, to whom knows an earlier end', async (test) => {
    for (const [change, broken] of [
      ['delete from audit_segments where last_id > 12', { id: 18, how: 'cut_off' }],
      ["update audit_segments set rows = replace(rows, '/2/1', '/x/y')", { id: 18, how: 'other_head' }],
    ] as const) {
      const all = await trail(test, urlOf());
      const { lastId, lastHash } = await all.store.events.verify();
      await all.store.events.append([segment(6)]);
      await all.sql(change);
      await rechain(all, 1);
      assert.equal((await all.store.events.verify()).broken, null, 'by itself it looks whole');
      const since = { lastId, hash: Buffer.from(lastHash, 'hex') };
      assert.deepEqual((await all.store.events.verify({ since })).broken, broken);
    }
  });

  it('adds nothing to a trail whose end is not known', async (test) => {
    const { store, sql } = await trail(test, urlOf());
    await sql('delete from audit_head');
    await assert.rejects(store.events.append([segment(6)]), /audit_head has no row/);
  });

  it('stays one chain when two servers write at once', async (test) => {
    const url = urlOf();
    const { store } = await trail(test, url);
    const other = await openStore(url);
    test.after(() => other.close());
    await Promise.all(
      Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? store : other).events.append([segment(n), segment(n + 1)])),
    );
    const { broken, events } = await other.events.verify();
    assert.deepEqual({ broken, events }, { broken: null, events: 18 + 180 });
  });

  it('counts what could not be kept, and names when', async (test) => {
    const { store } = await trail(test, urlOf());
    const gap = new OpenSegment({ teamId: null, sandboxId: null });
    gap.push(['gap', 30, 10, 20, null]);
    await store.events.append([gap.close(), segment(7)]);
    const { gaps, broken, events } = await store.events.verify();
    assert.equal(broken, null);
    assert.equal(events, 22);
    assert.deepEqual(gaps, {
      count: 1,
      newest: [{ id: 19, ts: new Date(30), from: new Date(10), to: new Date(20), lost: null }],
    });
  });

  it('ends where nobody waits for its answer any more', async (test) => {
    const { store } = await trail(test, urlOf());
    await assert.rejects(store.events.verify({ signal: AbortSignal.abort() }), { name: 'AbortError' });
  });
}

describe('row 25: the audit trail in SQLite', () => {
  const directory = temporaryDirectory('row-25');
  after(() => directory.remove());
  suite(() => `sqlite:${join(directory.path, 'standin.db')}`);
});

describe('row 25: the audit trail in PostgreSQL', { skip: await postgresMissing() }, () => {
  let postgres: Postgres;
  let url: string;
  before(async () => {
    postgres = await startPostgres();
    url = await postgres.freshUrl();
  });
  after(() => postgres.stop());
  suite(() => url);
});
