import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import type { Database } from '../../../src/store/database.ts';
import { eventStore } from '../../../src/store/events.ts';
import { secretStore } from '../../../src/store/secrets.ts';
import { settingStore } from '../../../src/store/settings.ts';
import {
  appendEvents,
  segmentsOf,
  databaseFor,
  newSandbox,
  newSecret,
  newTeam,
  noon,
  openFor,
  requestEvent,
  sealed,
  secret,
  startupError,
} from './suite/fixtures.ts';

const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe('store on a SQLite file', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'standin-sqlite-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const fresh = () => join(directory, `${randomBytes(6).toString('hex')}.db`);

  it('keeps the database and its logs to its own user, also where the file was open to others before', async (test) => {
    for (const exists of [false, true]) {
      const path = fresh();
      if (exists) {
        await writeFile(path, '');
        await chmod(path, 0o666);
      }
      const store = await openFor(test, `sqlite:${path}`);
      await newTeam(store);
      assert.deepEqual(await Promise.all([path, `${path}-wal`, `${path}-shm`].map(mode)), ['600', '600', '600']);
      await store.close();
    }
  });

  it('makes a missing directory that only its own user may enter, and leaves no log behind after closing', async (test) => {
    const nested = join(directory, 'a', 'b');
    const store = await openFor(test, `sqlite:${join(nested, 'standin.db')}`);
    await newTeam(store);
    assert.equal(await mode(nested), '700');
    await store.close();
    assert.deepEqual(await readdir(nested), ['standin.db']);
  });

  it('flushes before it acknowledges, checks references, and overwrites what it erases', async (test) => {
    const db = await databaseFor(test, `sqlite:${fresh()}`);
    const pragma = async (name: string) => {
      const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${name}`).execute(db.write);
      return rows[0]?.[name];
    };
    assert.equal(await pragma('journal_mode'), 'wal');
    assert.equal(await pragma('synchronous'), 2);
    assert.equal(await pragma('foreign_keys'), 1);
    assert.equal(await pragma('secure_delete'), 1);
  });

  it('refuses to write through the connection for reads', async (test) => {
    const db = await databaseFor(test, `sqlite:${fresh()}`);
    await assert.rejects(sql`create table t (a text)`.execute(db.read), { code: 'unavailable' });
  });

  it('leaves nothing of an erased value in the file', async (test) => {
    const path = fresh();
    const store = await openFor(test, `sqlite:${path}`);
    const team = await newTeam(store);
    const [old, current, gone] = [sealed(), sealed(), sealed()];
    const record = secret(team);
    await store.secrets.insert(record, old);
    await store.secrets.rotate(record.id, 2, current, noon);
    // One that nothing takes the place of.
    const removed = secret(team);
    await store.secrets.insert(removed, gone);
    await store.secrets.remove(removed.id, noon);
    await store.close();
    const bytes = await readFile(path);
    assert.ok(bytes.includes(current.ciphertext));
    for (const erased of [old, gone]) {
      assert.ok(!bytes.includes(erased.ciphertext));
      assert.ok(!bytes.includes(erased.wrappedKey));
    }
  });

  it('answers reads, and keeps the main thread free, while a write waits for another process', async (test) => {
    const path = fresh();
    const store = await openFor(test, `sqlite:${path}`);
    const other = new DatabaseSync(path);
    try {
      const team = await newTeam(store);
      const box = await newSandbox(store, team);
      other.exec('begin immediate');
      let written = false;
      const append = appendEvents(store, [requestEvent(box)]).then(() => (written = true));
      const started = performance.now();
      assert.deepEqual(await store.teams.byName(team.name), team);
      // Well below the time that SQLite waits for a lock: nothing here waited for the write.
      assert.ok(performance.now() - started < 2000);
      assert.equal(written, false);
      other.exec('rollback');
      await append;
      assert.equal((await store.events.bySandbox(box.id, { limit: 5 })).length, 1);
    } finally {
      other.close();
    }
  });

  it('answers unavailable when the disk is full, and works again when there is room', async (test) => {
    const path = fresh();
    const store = await openFor(test, `sqlite:${path}`);
    const team = await newTeam(store);
    const event = requestEvent(await newSandbox(store, team));
    await store.close();
    const db = await databaseFor(test, `sqlite:${path}`);
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(db.write);
    await sql.raw(`pragma max_page_count = ${rows[0]?.page_count ?? 1}`).execute(db.write);
    const big = randomBytes(50_000).toString('hex');
    // A single statement, a batch of events, and a transaction each end in their own way.
    const writes = [
      () => settingStore(db).putIfAbsent('big', Buffer.from(big)),
      () => eventStore(db).append(segmentsOf([event, { ...event, path: big }])),
      () => secretStore(db).insert(secret(team, { name: big }), sealed()),
    ];
    const full = { code: 'unavailable', message: 'the database cannot grow: the disk is full' };
    for (const write of writes) await assert.rejects(write, full);
    await sql`pragma max_page_count = 1000000`.execute(db.write);
    for (const write of writes) await write();
    assert.equal((await eventStore(db).bySandbox(event.sandboxId, { limit: 5 })).length, 2);
    assert.equal((await secretStore(db).list(team.id)).length, 1);
  });

  it('says what to do where the file is not a database, and leaves it as it is', async () => {
    const path = fresh();
    const text = 'These are not the tables you are looking for. '.repeat(40);
    await writeFile(path, text);
    const { message } = await startupError(`sqlite:${path}`);
    assert.equal(
      message,
      `database ${path} is not a database: name another file in STANDIN_DATABASE_URL, or restore it from your backup`,
    );
    assert.equal(await readFile(path, 'utf8'), text);
  });

  it('says what to do where the path cannot be a file, or is none', async () => {
    const file = join(directory, 'plain');
    await writeFile(file, '');
    await mkdir(join(directory, 'folder'));
    for (const path of [join(file, 'x.db'), join(directory, 'folder')]) {
      const { message } = await startupError(`sqlite:${path}`);
      assert.match(
        message,
        /cannot be written \(\w+\): give the user that runs standin write access to .* STANDIN_DATA_DIR$/,
      );
    }
    for (const url of ['sqlite:', 'sqlite::memory:', '/some/file', 'mysql://x']) {
      assert.match((await startupError(url)).message, /^STANDIN_DATABASE_URL/);
    }
  });

  it('says what to do where the directory is not writable', async () => {
    const closed = join(directory, 'closed');
    await mkdir(closed, { mode: 0o500 });
    const root = process.geteuid?.() === 0;
    if (root) {
      await chmod(directory, 0o755);
      await chown(closed, 65_534, 65_534);
      process.seteuid?.(65_534);
    }
    try {
      const { message } = await startupError(`sqlite:${join(closed, 'standin.db')}`);
      assert.match(message, /cannot be written \(EACCES\): give the user that runs standin write access to /);
    } finally {
      if (root) process.seteuid?.(0);
    }
    assert.deepEqual(await readdir(closed), []);
  });

  it('makes transactions of two processes take turns, also where they read before they write', async (test) => {
    const url = `sqlite:${fresh()}`;
    const [one, two] = [await databaseFor(test, url), await databaseFor(test, url)];
    await sql`create table counter (n integer)`.execute(one.write);
    await sql`insert into counter values (0)`.execute(one.write);
    const count = (db: Database) =>
      db.write.transaction().execute(async (transaction) => {
        const { rows } = await sql<{ n: number }>`select n from counter`.execute(transaction);
        await sql`update counter set n = ${(rows[0]?.n ?? 0) + 1}`.execute(transaction);
      });
    await Promise.all([one, two].flatMap((db) => Array.from({ length: 10 }, () => count(db))));
    const { rows } = await sql`select n from counter`.execute(two.read);
    assert.deepEqual(rows, [{ n: 20 }]);
  });

  it('holds a transaction to itself: what others write meanwhile waits its turn', async (test) => {
    const path = fresh();
    const store = await openFor(test, `sqlite:${path}`);
    const team = await newTeam(store);
    const record = await newSecret(store, team);
    // A rotation that loses takes its transaction back; nothing that ran beside it may go with it.
    const outcomes = await Promise.all([
      store.secrets.rotate(record.id, 2, sealed(), noon),
      store.secrets.rotate(record.id, 2, sealed(), noon),
      ...Array.from({ length: 10 }, () => store.secrets.insert(secret(team), sealed())),
    ]);
    assert.equal(outcomes.filter((each) => each === 'inserted').length, 10);
    assert.equal((await store.secrets.list(team.id)).length, 11);
  });
});
