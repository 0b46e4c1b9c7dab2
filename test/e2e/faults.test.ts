import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { freePort, listenOnLoopback } from '../support/ports.ts';
import { skipWithout } from '../support/processes.ts';
import { runStandinToItsEnd, startStandin } from '../support/standin-server.ts';
import type { StandinServerOptions } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/**
 * Whatever keeps the server from starting is one line on stderr that says what to do, and exit code 1. Nothing is
 * damaged by the attempt: with the fault mended everything is as it was.
 */

const apiKey = 'an_api_key_of_the_first_start';
const isRoot = process.getuid?.() === 0;
/** A user who may not read what is root's. */
const nobody = 65_534;
const asNobody = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'];

const home = temporaryDirectory('faults');
/** Data directories that a server of its own has used and left in order. */
const template = join(home.path, 'template');
const foreign = join(home.path, 'foreign');
let copies = 0;

function copyOf(directory: string): string {
  const copy = join(home.path, `copy-${copies++}`);
  cpSync(directory, copy, { recursive: true, mode: 0 });
  chmodSync(copy, 0o700);
  return copy;
}

before(async () => {
  await Promise.all(
    [template, foreign].map(async (dataDir) => {
      mkdirSync(dataDir, { mode: 0o700 });
      const server = await startStandin({ dataDir, apiKey, env: { STANDIN_SANDBOX_DRIVER: 'external' } });
      await server.client.secrets.create({
        name: 'kept',
        value: 'a value',
        auth: { type: 'bearer' },
        hosts: ['a.example.com'],
      });
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
    }),
  );
});
after(() => home.remove());

type Start = StandinServerOptions & { dataDir: string };

/** Expects exit 1 and one line that fits every one of `words`, which hold what is wrong and what to do about it. */
async function expectRefusal(start: Start, words: RegExp[]): Promise<void> {
  const { code, stdout, stderr } = await runStandinToItsEnd({
    ...start,
    env: { STANDIN_SANDBOX_DRIVER: 'external', ...start.env },
  });
  assert.equal(code, 1, `${stdout}${stderr}`);
  assert.match(stderr, /^error: [^\n]+\n$/);
  for (const each of words) assert.match(stderr, each);
  assert.equal(stdout, '');
}

/** Every file in the directory: a fault is mended, and what is here is what the server finds. */
function contentOf(dataDir: string): Record<string, { mode: string; sha256: string }> {
  const entries = readdirSync(dataDir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
      return [relative(dataDir, file), { mode: statSync(file).mode.toString(8), sha256 }] as const;
    });
  return Object.fromEntries(files);
}

/** Every row of the database, by its table. */
function rowsOf(dataDir: string): Record<string, unknown[]> {
  const database = new DatabaseSync(path(dataDir, 'standin.db'), { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    assert.ok(tables.length > 5, 'there is something to compare');
    return Object.fromEntries(
      tables.map(({ name }) => [String(name), database.prepare(`SELECT * FROM "${String(name)}"`).all()]),
    );
  } finally {
    database.close();
  }
}

const path = (dataDir: string, name: string) => join(dataDir, name);

/** A spoilt data directory: what is done to it, what is then said, and how it is put in order again. */
interface DirectoryFault {
  name: string;
  spoil: (dataDir: string) => void;
  says: RegExp[];
}

function changeDatabase(dataDir: string, statement: string): void {
  const database = new DatabaseSync(path(dataDir, 'standin.db'));
  database.exec(statement);
  database.close();
}

const directoryFaults: DirectoryFault[] = [
  {
    name: 'a database that a newer version has written',
    spoil: (dir) => changeDatabase(dir, "insert into schema_migrations values (999, 'later', 'x', 0)"),
    says: [/newer standin \(schema 999/, /run that version or a later one, or restore the backup/],
  },
  {
    name: 'a database whose migration is not ours',
    spoil: (dir) => changeDatabase(dir, "update schema_migrations set checksum = 'x' where number = 1"),
    says: [/migration 1 \(vault\)/, /restore a backup/],
  },
  {
    name: 'a file in the place of the database that is none',
    spoil: (dir) => writeFileSync(path(dir, 'standin.db'), 'this is no database\n'.repeat(1000)),
    says: [/standin\.db is not a database/, /STANDIN_DATABASE_URL, or restore it from your backup/],
  },
  {
    name: 'a database with pages overwritten',
    spoil: (dir) => {
      const bytes = readFileSync(path(dir, 'standin.db'));
      writeFileSync(path(dir, 'standin.db'), bytes.fill(0xff, 4096));
    },
    says: [/standin\.db is damaged/, /restore it from your backup/],
  },
  {
    name: 'a key file that is missing while there is ciphertext',
    spoil: (dir) => rmSync(path(dir, 'key')),
    says: [/key file .*\/key is missing/, /restore it from your backup/],
  },
  {
    name: 'the key file of another installation',
    spoil: (dir) => cpSync(path(foreign, 'key'), path(dir, 'key')),
    says: [/wrong key/, /put back the key file that belongs to this database/],
  },
  {
    name: 'a key file that was cut short',
    spoil: (dir) => truncateSync(path(dir, 'key'), 31),
    says: [/key is damaged \(31 bytes, not 32\)/, /restore it from your backup/],
  },
  {
    name: 'a key file that others can read',
    spoil: (dir) => chmodSync(path(dir, 'key'), 0o644),
    says: [/key can be used by other users/, /chmod 600/],
  },
  {
    name: 'a CA whose key is missing',
    spoil: (dir) => rmSync(path(dir, 'ca-key.pem')),
    says: [/ca-key\.pem is missing/, /restore ca\.pem and ca-key\.pem from a backup/],
  },
  {
    name: 'a CA whose certificate is missing',
    spoil: (dir) => rmSync(path(dir, 'ca.pem')),
    says: [/ca\.pem is missing/, /restore ca\.pem and ca-key\.pem from a backup/],
  },
  {
    name: 'a CA that is missing altogether, where sandboxes trust one',
    spoil: (dir) => ['ca.pem', 'ca-key.pem'].forEach((name) => rmSync(path(dir, name))),
    says: [/ca\.pem is missing/, /restore ca\.pem and ca-key\.pem from a backup/],
  },
  {
    name: 'the CA of another installation',
    spoil: (dir) => ['ca.pem', 'ca-key.pem'].forEach((name) => cpSync(path(foreign, name), path(dir, name))),
    says: [/the CA in .* is not the one/, /put back ca\.pem and ca-key\.pem/],
  },
  {
    name: 'a CA key that belongs to another certificate',
    spoil: (dir) => cpSync(path(foreign, 'ca-key.pem'), path(dir, 'ca-key.pem')),
    says: [/the key does not belong to the certificate/, /restore ca\.pem and ca-key\.pem/],
  },
  {
    name: 'a CA key that others can read',
    spoil: (dir) => chmodSync(path(dir, 'ca-key.pem'), 0o640),
    says: [/ca-key\.pem can be read by others/, /chmod 600/],
  },
];

describe('the data directory', { concurrency: 2 }, () => {
  for (const { name, spoil, says } of directoryFaults) {
    it(`is refused with ${name}, and nothing in it is touched`, async () => {
      const dataDir = copyOf(template);
      spoil(dataDir);
      const spoilt = contentOf(dataDir);
      await expectRefusal({ dataDir }, says);
      assert.deepEqual(contentOf(dataDir), spoilt);
    });
  }

  it('is started on again once it is in order, and holds what it held', async () => {
    const dataDir = copyOf(template);
    const server = await startStandin({ dataDir, apiKey, env: { STANDIN_SANDBOX_DRIVER: 'external' } });
    const secrets = await server.client.secrets.list();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    assert.deepEqual(
      secrets.map(({ name }) => name),
      ['kept'],
    );
  });

  it('is refused where it is a file', async () => {
    const dataDir = join(home.path, 'a-file');
    writeFileSync(dataDir, 'precious');
    await expectRefusal({ dataDir }, [/data directory .*a-file cannot be used/, /set STANDIN_DATA_DIR to another/]);
    assert.equal(readFileSync(dataDir, 'utf8'), 'precious');
  });

  it(
    'is refused where this user may not write to it, and used once he may',
    { skip: skipWithout('setpriv') },
    async () => {
      const outer = temporaryDirectory('unwritable');
      try {
        const dataDir = join(outer.path, 'data');
        mkdirSync(dataDir, { mode: 0o500 });
        if (isRoot) for (const each of [outer.path, dataDir]) chownSync(each, nobody, nobody);
        const launcher = isRoot ? asNobody : [];
        await expectRefusal({ dataDir, launcher }, [
          /data directory .* cannot be used \(EACCES\)/,
          /make it writable for this user, or set STANDIN_DATA_DIR to another/,
        ]);
        chmodSync(dataDir, 0o700);
        const server = await startStandin({ dataDir, launcher, env: { STANDIN_SANDBOX_DRIVER: 'external' } });
        assert.deepEqual(await server.stop(), { code: 0, signal: null });
      } finally {
        outer.remove();
      }
    },
  );
});

describe('a port that is taken', { concurrency: 2 }, () => {
  for (const setting of ['STANDIN_API_LISTEN', 'STANDIN_PROXY_LISTEN', 'STANDIN_DATAPLANE_LISTEN']) {
    it(`is refused with the name of ${setting}, and nothing is harmed by that`, async () => {
      const dataDir = copyOf(template);
      const other = createServer();
      const port = await listenOnLoopback(other);
      const env = { [setting]: `127.0.0.1:${port}` };
      await expectRefusal({ dataDir, env }, [
        new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: the port is taken`),
        new RegExp(`set ${setting} to another`),
      ]);
      await new Promise((resolve) => other.close(resolve));
      // A server that began and ended wrote down both: the database's bytes are others, what is in it is the same.
      const { 'standin.db': left, ...files } = contentOf(dataDir);
      const { 'standin.db': unharmed, ...filesBefore } = contentOf(template);
      assert.equal(left?.mode, unharmed?.mode);
      assert.deepEqual(files, filesBefore);
      // To read it is to make files beside it.
      assert.deepEqual(rowsOf(dataDir), rowsOf(copyOf(template)));
    });
  }

  it('at the very first start does not lose the key that was made', async () => {
    const dataDir = join(home.path, 'first');
    const other = createServer();
    const port = await listenOnLoopback(other);
    const env = { STANDIN_BOOTSTRAP_API_KEY: '', STANDIN_API_LISTEN: `127.0.0.1:${port}` };
    await expectRefusal({ dataDir, env }, [/the port is taken/]);
    await new Promise((resolve) => other.close(resolve));
    const server = await startStandin({
      dataDir,
      env: { STANDIN_BOOTSTRAP_API_KEY: '', STANDIN_SANDBOX_DRIVER: 'external' },
    });
    try {
      const { url, api_key: key }: Record<string, unknown> = JSON.parse(
        readFileSync(path(dataDir, 'cli.json'), 'utf8'),
      );
      assert.equal(url, server.url);
      assert.equal((await createClient({ baseUrl: server.url, apiKey: String(key) }).keys.list()).length, 1);
    } finally {
      await server.stop();
    }
  });
});

describe('what the settings name', { concurrency: 2 }, () => {
  it('is refused where the CA file is not there, or holds no certificate', async () => {
    const dataDir = copyOf(template);
    const file = join(home.path, 'no-certificate.pem');
    writeFileSync(file, 'hello\n');
    for (const each of [join(home.path, 'nowhere.pem'), file]) {
      await expectRefusal({ dataDir, env: { STANDIN_EGRESS_CA_FILE: each } }, [
        /^error: STANDIN_EGRESS_CA_FILE: /,
        /name a file of PEM certificates/,
      ]);
    }
  });

  it('is refused where PostgreSQL does not answer, without a word of the password', async () => {
    const dataDir = copyOf(template);
    const port = await freePort();
    const env = { STANDIN_DATABASE_URL: `postgres://standin:sesame-open@127.0.0.1:${port}/standin` };
    await expectRefusal({ dataDir, env }, [
      new RegExp(`PostgreSQL at 127\\.0\\.0\\.1:${port}/standin can't be reached \\(ECONNREFUSED\\)`),
      /start it, or correct STANDIN_DATABASE_URL/,
      /^(?!.*sesame)/,
    ]);
  });
});
