import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { sql } from 'kysely';
import { openDatabase, openStore } from '../../../src/store/open.ts';
import type { Store } from '../../../src/store/store.ts';
import { postgresMissing, startPostgres } from '../../support/postgres.ts';
import type { Postgres } from '../../support/postgres.ts';
import { storeSuite } from './suite/all.ts';
import { newSandbox, newTeam, requestEvent } from './suite/fixtures.ts';

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

  it('carries a change of more sandboxes than one message holds, and does not tell its sender twice', async () => {
    const url = await postgres.freshUrl();
    const [here, there] = [await openStore(url), await openStore(url)];
    try {
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
    } finally {
      await here.close();
      await there.close();
    }
  });

  it('says that something may have been missed when its listening connection is cut, and hears again after', async () => {
    const url = await postgres.freshUrl();
    const [here, there] = [await openStore(url), await openStore(url)];
    try {
      const told = nextChange(there, (ids) => ids === null);
      await cutListeners(new URL(url).pathname.slice(1));
      assert.equal(await told, null);
      const id = randomUUID();
      const heard = nextChange(there, (ids) => ids === null || ids.includes(id));
      await here.changes.publish([id]);
      await heard;
    } finally {
      await here.close();
      await there.close();
    }
  });

  it('answers unavailable while the server is down, and works again when it is back', async () => {
    const store = await openStore(await postgres.freshUrl());
    try {
      const team = await newTeam(store);
      const dropped = nextChange(store, (ids) => ids === null);
      await postgres.restart(async () => {
        await dropped;
        await assert.rejects(store.teams.count(), { name: 'StandinError', code: 'unavailable' });
        await assert.rejects(store.ping(), { code: 'unavailable' });
      });
      assert.deepEqual(await store.teams.byName(team.name), team);
    } finally {
      await store.close();
    }
  });

  it('gives connections back to the pool after failures inside transactions', async () => {
    const store = await openStore(await postgres.freshUrl());
    try {
      const box = await newSandbox(store, await newTeam(store));
      const broken = { ...requestEvent(box), ts: new Date(Number.NaN) };
      await Promise.all(Array.from({ length: 40 }, () => assert.rejects(store.events.append([broken]))));
      await store.events.append([requestEvent(box)]);
      assert.equal((await store.events.bySandbox(box.id, { limit: 5 })).length, 1);
    } finally {
      await store.close();
    }
  });

  it('overrules a role whose commits would not wait for the disk', async () => {
    const url = await postgres.freshUrl();
    await postgres.query('alter role standin set synchronous_commit = off');
    const db = await openDatabase(url);
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
    await assert.rejects(openStore(missing), {
      name: 'StartupError',
      message: /nowhere has no such database: make it/,
    });
    await assert.rejects(openStore('postgres://user:hunter2@127.0.0.1:1/db'), (error: Error) => {
      assert.equal(error.name, 'StartupError');
      assert.match(error.message, /^PostgreSQL at 127\.0\.0\.1:1\/db can't be reached \(ECONNREFUSED\): start it/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
    await assert.rejects(openStore('postgres://user:hunter2@[bad/db'), (error: Error) => {
      assert.equal(error.name, 'StartupError');
      assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /hunter2/);
      return true;
    });
  });
});
