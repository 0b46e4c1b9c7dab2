import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Client } from '../../src/client/client.ts';
import { endSandboxesOf } from '../support/end-sandboxes.ts';
import { waitUntil } from '../support/processes.ts';
import { againInGvisor } from '../unit/sandbox/harness.ts';
import { driverName, skipWithoutDriver } from '../support/sandbox-drivers.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';

describe('the life of a sandbox', { skip: skipWithoutDriver }, () => {
  const directory = temporaryDirectory('lives');
  const dataDir = join(directory.path, 'data');
  const env = { STANDIN_SANDBOX_DRIVER: driverName, STANDIN_MAX_SANDBOXES: '6' };
  let server: StandinServer;
  let client: Client;
  const start = async () => {
    server = await startStandin({ dataDir, env, ...(server === undefined ? {} : { apiKey: server.apiKey }) });
    ({ client } = server);
  };
  before(start);
  after(async () => {
    await server.stop();
    await endSandboxesOf(dataDir);
    directory.remove();
  });
  const statusOf = async (id: string) => (await client.sandboxes.get(id)).status;
  const isGone = (id: string) =>
    client.sandboxes.get(id).then(
      () => false,
      (error: unknown) => error instanceof Error && 'status' in error && error.status === 404,
    );

  it('is paused after its time, and deleted after it was paused for long enough', async () => {
    const created = performance.now();
    const { id } = await client.sandboxes.create({ name: 'short', timeout_seconds: 1, auto_delete_seconds: 1 });
    await waitUntil(async () => (await statusOf(id)) === 'paused', { what: 'the pause' });
    assert.ok(performance.now() - created >= 950, 'not before its time');
    const { auto_delete_at: at = '' } = await client.sandboxes.get(id);
    assert.ok(Math.abs(Date.parse(at) - Date.now() - 1000) < 2000, at);
    await waitUntil(() => isGone(id), { what: 'the end' });
    const atOnce = await client.sandboxes.create({ name: 'at once', auto_delete_seconds: 0 });
    await client.sandboxes.pause(atOnce.id);
    await waitUntil(() => isGone(atOnce.id), { what: 'the end at once' });
  });

  it('counts active time from the last resume, and a change while it is paused from then', async () => {
    const { id } = await client.sandboxes.create({ name: 'resumed', timeout_seconds: 1 });
    await waitUntil(async () => (await statusOf(id)) === 'paused', { what: 'the first pause' });
    const resumed = performance.now();
    await client.sandboxes.resume(id);
    await waitUntil(async () => (await statusOf(id)) === 'paused', { what: 'the second pause' });
    assert.ok(performance.now() - resumed >= 950);
    await client.sandboxes.update(id, { auto_delete_seconds: 3600 });
    const { auto_delete_at: at = '' } = await client.sandboxes.get(id);
    assert.ok(Math.abs(Date.parse(at) - Date.now() - 3_600_000) < 5000, at);
    await client.sandboxes.update(id, { auto_delete_seconds: null, timeout_seconds: null });
    const cleared = await client.sandboxes.activate(id);
    assert.deepEqual(
      [cleared.timeout_seconds, cleared.auto_delete_seconds, cleared.auto_delete_at],
      [undefined, undefined, undefined],
    );
    await client.sandboxes.remove(id);
  });

  it('goes on by the clock while no server is there', async () => {
    const due = await client.sandboxes.create({ name: 'due', timeout_seconds: 1 });
    const gone = await client.sandboxes.create({ name: 'gone', auto_delete_seconds: 1 });
    await client.sandboxes.pause(gone.id);
    await server.stop();
    const stopped = Date.now();
    await waitUntil(() => Date.now() - stopped > 1200, { what: 'their time to be up' });
    await start();
    await waitUntil(async () => (await statusOf(due.id)) === 'paused', { what: 'the pause that fell due' });
    await waitUntil(() => isGone(gone.id), { what: 'the end that fell due' });
    await client.sandboxes.remove(due.id);
  });

  it('has its states one after the other, however many ask at once', async () => {
    const { id } = await client.sandboxes.create({ name: 'asked' });
    const settle = async (calls: Promise<unknown>[]) =>
      (await Promise.allSettled(calls)).map((each) =>
        each.status === 'fulfilled'
          ? 200
          : each.reason instanceof Error && 'status' in each.reason
            ? each.reason.status
            : 0,
      );
    const pauses = await settle(Array.from({ length: 8 }, () => client.sandboxes.pause(id)));
    assert.deepEqual(
      pauses.toSorted((a, b) => Number(a) - Number(b)),
      [200, ...Array.from({ length: 7 }, () => 409)],
    );
    const mixed = await settle(
      Array.from({ length: 12 }, (_, index) =>
        index % 3 === 0
          ? client.sandboxes.resume(id)
          : index % 3 === 1
            ? client.sandboxes.pause(id)
            : client.sandboxes.activate(id),
      ),
    );
    assert.ok(
      mixed.every((each) => each === 200 || each === 409),
      String(mixed),
    );
    const { access_token: token } = await client.sandboxes.activate(id);
    assert.equal((await client.exec({ id, access_token: token }, { command: 'echo well' })).stdout, 'well\n');
    const removals = await settle(Array.from({ length: 4 }, () => client.sandboxes.remove(id)));
    assert.deepEqual(
      removals.toSorted((a, b) => Number(a) - Number(b)),
      [200, 404, 404, 404],
    );
  });

  it('is not begun where the team has as many as it may, also where many ask at once', async () => {
    const attempts = await Promise.allSettled(
      Array.from({ length: 9 }, (_, index) => client.sandboxes.create({ name: `many-${index}` })),
    );
    const made = attempts.filter((each) => each.status === 'fulfilled');
    assert.equal(made.length, 6);
    for (const each of attempts) {
      if (each.status === 'rejected') assert.match(String(each.reason), /6 sandboxes at once/);
    }
    assert.equal((await client.sandboxes.list()).length, 6);
    await Promise.all(made.map(({ value }) => client.sandboxes.remove(value.id)));
  });

  it('keeps secrets attached and detached while it is paused', async () => {
    await client.secrets.create({
      name: 'key',
      value: 'a-real-value',
      auth: { type: 'bearer' },
      hosts: ['api.example.com'],
    });
    const box = await client.sandboxes.create({ name: 'paused', secrets: { FIRST: 'key' } });
    await client.sandboxes.pause(box.id);
    await client.sandboxes.attach(box.id, { env_key: 'SECOND', secret_name: 'key' });
    await client.sandboxes.detach(box.id, 'FIRST');
    await assert.rejects(client.exec(box, { command: 'true' }), { status: 503 });
    const woken = await client.sandboxes.activate(box.id);
    const { stdout } = await client.exec(woken, { command: 'echo "[$FIRST] ${#SECOND}"' });
    assert.match(stdout, /^\[\] [1-9]\d/);
    await assert.rejects(client.exec(box, { command: 'true' }), { status: 401 });
    await client.sandboxes.remove(box.id);
  });

  it('of one that somebody else runs is his affair', async () => {
    const { id } = await client.sandboxes.create({ name: 'elsewhere', driver: 'external' });
    await assert.rejects(client.sandboxes.pause(id), { status: 409 });
    await assert.rejects(client.sandboxes.resume(id), { status: 409 });
    await assert.rejects(client.sandboxes.files(id, '/'), { status: 409 });
    assert.equal((await client.sandboxes.activate(id)).status, 'active');
    await client.sandboxes.remove(id);
  });
});

againInGvisor(import.meta.filename);
