import assert from 'node:assert/strict';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { ApiError } from '../../src/client/errors.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { postgresMissing, startPostgres } from '../support/postgres.ts';
import { runProgram, skipWithout, waitUntil } from '../support/processes.ts';
import { TunnelRefused } from '../support/proxy-client.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/**
 * Row 8: the real server, whose database is taken away while it runs. What cannot be decided or recorded is refused and
 * reaches nobody; what was let through is in the audit trail afterwards; and it all works again by itself.
 */

const host = 'api.example.com';

/** A rig with one secret and one sandbox that has it. */
async function prepared(rig: EgressRig): Promise<RigSandbox> {
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  return rig.sandbox({ API_KEY: 'key' });
}

let asked = 0;

/** One request of its own connection with the stand-in: its status and refusal, and whether the upstream saw it. */
async function ask(rig: EgressRig, sandbox: RigSandbox): Promise<{ outcome: string; reached: boolean }> {
  const path = `/asked-${(asked += 1)}`;
  const reached = () => rig.requestsFor(path).length > 0;
  try {
    const connection = await sandbox.connect(host);
    connection.send(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${sandbox.standIn('API_KEY')}\r\n\r\n`,
    );
    const response = await connection.response();
    connection.close();
    return { outcome: response.header('x-standin-error') ?? String(response.status), reached: reached() };
  } catch (error) {
    if (!(error instanceof TunnelRefused)) throw error;
    return { outcome: error.response.header('x-standin-error') ?? '', reached: reached() };
  }
}

/** Asks until one is refused, then a few more: each is refused for `codes`, and none of them reached the upstream. */
async function expectRefusals(rig: EgressRig, sandbox: RigSandbox, codes: string[]): Promise<void> {
  await waitUntil(async () => codes.includes((await ask(rig, sandbox)).outcome), {
    what: `one of ${codes.join(', ')}`,
  });
  for (let times = 0; times < 10; times++) {
    const { outcome, reached } = await ask(rig, sandbox);
    assert.ok(codes.includes(outcome), outcome);
    assert.equal(reached, false);
  }
}

/** Works again, and every request that reached the upstream is in the audit trail, once. */
async function expectRecovery(rig: EgressRig, sandbox: RigSandbox): Promise<void> {
  await waitUntil(async () => (await ask(rig, sandbox)).outcome === '200', { what: 'the proxy to work again' });
  const seen = rig.upstream.requests.map(({ target }) => target);
  const audited = async () => {
    const rows = await rig.server.client.secrets.audit('key', { limit: 200 });
    return rows.filter((row) => row.upstream_status === 200).map(({ path }) => path);
  };
  await waitUntil(async () => (await audited()).length >= seen.length, { what: 'the audit trail to be whole' });
  const rows = await audited();
  assert.equal(rows.length, seen.length);
  assert.deepEqual(new Set(rows), new Set(seen));
}

const unavailable = (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.status, 503);
  assert.equal(error.code, 'unavailable');
  return true;
};

const postgresSkip = await postgresMissing();

describe('row 8: PostgreSQL stops while the server runs', { skip: postgresSkip }, () => {
  it('refuses every request and call until it is back, and goes on by itself', async (t) => {
    const postgres = await startPostgres();
    t.after(() => postgres.stop());
    const rig = await startEgressRig({
      names: [host],
      server: { env: { STANDIN_DATABASE_URL: await postgres.freshUrl(), STANDIN_SANDBOX_DRIVER: 'external' } },
    });
    t.after(() => rig.stop());
    const sandbox = await prepared(rig);
    assert.deepEqual(await ask(rig, sandbox), { outcome: '200', reached: true });
    await postgres.restart(async () => {
      await expectRefusals(rig, sandbox, ['vault_unavailable', 'audit_unavailable']);
      await assert.rejects(rig.server.client.secrets.list(), unavailable);
      await assert.rejects(rig.server.client.secrets.rotate('key', 'a new value'), unavailable);
      await assert.rejects(rig.server.client.health(), unavailable);
    });
    await waitUntil(
      async () =>
        rig.server.client.health().then(
          () => true,
          () => false,
        ),
      { what: 'the server to be well again' },
    );
    await expectRecovery(rig, sandbox);
  });
});

const disk = temporaryDirectory('small-disk');
after(() => disk.remove());
/** Runs a command in a mount namespace of its own, in which the directory is a disk of 8 MiB. */
const onSmallDisk = [
  'unshare',
  process.getuid?.() === 0 ? '-m' : '-rm',
  'sh',
  '-c',
  `mount -t tmpfs -o size=8m,mode=0700 tmpfs ${disk.path} && exec "$@"`,
  'sh',
];
const noNamespaces = await (async () => {
  const missing = skipWithout('unshare');
  if (missing !== false) return missing;
  const [command = '', ...args] = onSmallDisk;
  return (await runProgram(command, [...args, 'true'])).code !== 0 && 'mount namespaces cannot be made here';
})();

describe('row 8: the disk under SQLite fills up', { skip: noNamespaces }, () => {
  it('refuses what cannot be written or recorded until there is room, and loses nothing', async (t) => {
    const dataDir = join(disk.path, 'data');
    const rig = await startEgressRig({
      names: [host],
      server: { dataDir, launcher: onSmallDisk, env: { STANDIN_SANDBOX_DRIVER: 'external' } },
    });
    t.after(() => rig.stop());
    const sandbox = await prepared(rig);
    assert.deepEqual(await ask(rig, sandbox), { outcome: '200', reached: true });
    // The server's own view of the disk, from outside its mount namespace.
    const filler = `/proc/${rig.server.program.pid}/root${dataDir}/filler`;
    fill(filler);
    await assert.rejects(rig.server.client.secrets.rotate('key', 'v'.repeat(8000)), unavailable);
    await expectRefusals(rig, sandbox, ['audit_unavailable']);
    rmSync(filler);
    await expectRecovery(rig, sandbox);
    await rig.server.client.secrets.rotate('key', 'v'.repeat(8000));
  });
});

/** Writes to the file until there is no room for another byte. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (let size = 1 << 20; size >= 1; size >>= 1) {
      try {
        for (;;) if (writeSync(file, Buffer.alloc(size)) < size) break;
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && error.code === 'ENOSPC', String(error));
      }
    }
  } finally {
    closeSync(file);
  }
}

describe('row 8: a row of the database is altered', () => {
  const changes: [name: string, statement: string][] = [
    [
      'the ciphertext of another secret stands in its place',
      "update secret_values set ciphertext = (select ciphertext from secret_values where secret_id = (select id from secrets where name = 'other'))",
    ],
    [
      'the whole row of another secret stands in its place',
      `update secret_values set
        ciphertext = (select ciphertext from secret_values where secret_id = (select id from secrets where name = 'other')),
        wrapped_key = (select wrapped_key from secret_values where secret_id = (select id from secrets where name = 'other'))`,
    ],
    ['a bit of it was flipped', "update secret_values set ciphertext = cast(x'ff' || substr(ciphertext, 2) as blob)"],
    ['its data key is gone', "update secret_values set wrapped_key = x''"],
  ];
  it('does not open, whichever part of it is another', async (t) => {
    const rig = await startEgressRig({ names: [host], server: { env: { STANDIN_SANDBOX_DRIVER: 'external' } } });
    t.after(() => rig.stop());
    await rig.secret({ name: 'other', auth: { type: 'bearer' }, hosts: [host] });
    const sandbox = await prepared(rig);
    const database = new DatabaseSync(join(rig.server.dataDir, 'standin.db'), { timeout: 5000 });
    t.after(() => database.close());
    for (const [name, statement] of changes) {
      database.exec('create temp table if not exists kept as select * from secret_values');
      database.exec(`${statement} where secret_id = (select id from secrets where name = 'key')`);
      await expectRefusals(rig, sandbox, ['vault_unavailable']);
      database.exec(
        'update secret_values set (ciphertext, wrapped_key) = (select ciphertext, wrapped_key from kept where kept.secret_id = secret_values.secret_id)',
      );
      await waitUntil(async () => (await ask(rig, sandbox)).outcome === '200', { what: `recovery after: ${name}` });
    }
  });
});
