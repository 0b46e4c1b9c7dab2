import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { Kysely, sql } from 'kysely';
import { postgresDialect } from '../../../src/store/postgres/dialect.ts';
import type { Schema } from '../../../src/store/schema.ts';
import type { Store } from '../../../src/store/store.ts';
import { postgresMissing, startPostgres } from '../../support/postgres.ts';
import type { Postgres } from '../../support/postgres.ts';
import { storeSuite } from './suite/all.ts';
import {
  appendEvents,
  databaseFor,
  newSandbox,
  newTeam,
  openFor,
  requestEvent,
  segmentsOf,
  startupError,
} from './suite/fixtures.ts';

/** Resolves with what the store tells next that fits. */
function nextChange(store: Store, fits: (ids: string[] | null) => boolean): Promise<string[] | null> {
  return new Promise((resolve) => {
    const stop = store.changes.subscribe((ids) => {
      if (!fits(ids)) return;
      stop();
      resolve(ids);
    });
  });
}

/** For tests that wait to be told: not told is a failure, not a wait without end. */
const limit = { timeout: 30_000 };

describe('store on PostgreSQL', { skip: await postgresMissing() }, () => {
  let postgres: Postgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres.stop());

  storeSuite({ kind: 'postgres', freshUrl: () => postgres.freshUrl() });

  const cutListeners = (database: string) =>
    postgres.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and query like 'listen%'",
      [database],
    );

  it(
    'carries a change of more sandboxes than one message holds, and does not tell its sender twice',
    limit,
    async (test) => {
      const url = await postgres.freshUrl();
      const [here, there] = [await openFor(test, url), await openFor(test, url)];
      const ids = Array.from({ length: 450 }, () => randomUUID());
      const heardHere: (string[] | null)[] = [];
      here.changes.subscribe((each) => heardHere.push(each));
      const heardThere = new Set<string>();
      const all = nextChange(there, (each) => {
        for (const id of each ?? []) heardThere.add(id);
        return heardThere.size === ids.length;
      });
      await here.changes.publish(ids);
      await all;
      // Whatever the other sends now arrives after any echo of the first message.
      const answer = nextChange(here, (each) => each?.[0] === 'answer');
      await there.changes.publish(['answer']);
      await answer;
      assert.deepEqual(heardHere, [ids, ['answer']]);
    },
  );

  it(
    'says that something may have been missed when its listening connection is cut, and hears again after',
    limit,
    async (test) => {
      const url = await postgres.freshUrl();
      const [here, there] = [await openFor(test, url), await openFor(test, url)];
      const id = randomUUID();
      const heard = nextChange(there, (ids) => ids?.includes(id) === true);
      const sent: Promise<void>[] = [];
      there.changes.subscribe((ids) => {
        if (ids === null) sent.push(here.changes.publish([id]));
      });
      await cutListeners(new URL(url).pathname.slice(1));
      // The last of the warnings comes when it listens again: what is sent then must arrive.
      await heard;
      await Promise.all(sent);
    },
  );

  it('answers unavailable while the server is down, and works again when it is back', limit, async (test) => {
    const store = await openFor(test, await postgres.freshUrl());
    const team = await newTeam(store);
    const dropped = nextChange(store, (ids) => ids === null);
    await postgres.restart(async () => {
      await dropped;
      await assert.rejects(store.teams.count(), { name: 'StandinError', code: 'unavailable' });
      await assert.rejects(store.ping(), { code: 'unavailable' });
    });
    assert.deepEqual(await store.teams.byName(team.name), team);
  });

  it('gives connections back to the pool after failures inside transactions', async (test) => {
    const store = await openFor(test, await postgres.freshUrl());
    const box = await newSandbox(store, await newTeam(store));
    const [whole] = segmentsOf([requestEvent(box)]);
    assert.ok(whole !== undefined);
    const broken = [whole, { ...whole, traits: 0.5 }];
    await Promise.all(Array.from({ length: 40 }, () => assert.rejects(store.events.append(broken))));
    await appendEvents(store, [requestEvent(box)]);
    assert.equal((await store.events.bySandbox(box.id, { limit: 5 })).length, 1);
  });

  it('survives the loss of a connection in the middle of a transaction, of which nothing stays', async (test) => {
    const db = await databaseFor(test, await postgres.freshUrl());
    await sql`create table t (a text)`.execute(db.write);
    const lost = db.write.transaction().execute(async (transaction) => {
      await sql`insert into t values ('half')`.execute(transaction);
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction);
      await postgres.query('select pg_terminate_backend($1, 10000)', [rows[0]?.pid]);
      await sql`insert into t values ('rest')`.execute(transaction);
    });
    await assert.rejects(lost, { name: 'StandinError', code: 'unavailable' });
    const { rows } = await sql`select a from t`.execute(db.write);
    assert.deepEqual(rows, []);
  });

  it('does not use a connection again on which a statement took too long', async (test) => {
    const config = { connectionString: await postgres.freshUrl(), max: 1, query_timeout: 500 };
    const db = new Kysely<Schema>({ dialect: postgresDialect(config, undefined) });
    test.after(() => db.destroy());
    // The server goes on with it, so that whoever came next on this connection would wait as well.
    await assert.rejects(sql`select pg_sleep(3)`.execute(db), { name: 'StandinError', code: 'unavailable' });
    const { rows } = await sql`select 1 as answer`.execute(db);
    assert.deepEqual(rows, [{ answer: 1 }]);
  });

  it('overrules a role whose commits would not wait for the disk', async (test) => {
    const url = await postgres.freshUrl();
    await postgres.query('alter role standin set synchronous_commit = off');
    const db = await databaseFor(test, url);
    try {
      const { rows } = await sql`select current_setting('synchronous_commit') as setting`.execute(db.write);
      assert.deepEqual(rows, [{ setting: 'on' }]);
    } finally {
      await db.close();
      await postgres.query('alter role standin reset synchronous_commit');
    }
  });

  it('says what to do where the database does not exist, and where no server answers', async () => {
    const missing = (await postgres.freshUrl()).replace(/t_[0-9a-f]+/, 'nowhere');
    assert.match((await startupError(missing)).message, /nowhere has no such database: make it/);
    const silent = await startupError('postgres://user:hunter2@127.0.0.1:1/db');
    assert.match(silent.message, /^PostgreSQL at 127\.0\.0\.1:1\/db can't be reached \(ECONNREFUSED\): start it/);
    const unclear = await startupError('postgres://user:hunter2@[bad/db');
    assert.match(unclear.message, /STANDIN_DATABASE_URL/);
    for (const error of [silent, unclear]) assert.doesNotMatch(inspect(error), /hunter2/);
  });
});
