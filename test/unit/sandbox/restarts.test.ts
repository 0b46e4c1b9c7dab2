import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunningSandbox } from '../../../src/sandbox/driver.ts';
import { againAsOrdinaryUser, againInGvisor, eventually, openRig, python, run } from './harness.ts';
import { inGvisor } from '../../support/sandbox-drivers.ts';
import type { Rig } from './harness.ts';

const harness = JSON.stringify(join(import.meta.dirname, 'harness.ts'));

/** A server with sandboxes, each with a loop in the background and a command in front, that is then killed. */
async function serverThatIsKilled(directory: string, ids: string[], more = ''): Promise<void> {
  const script = `
    import { openRig, run } from ${harness};
    const rig = openRig(${JSON.stringify(directory)});
    const sandboxes = await Promise.all(${JSON.stringify(ids)}.map((id) => rig.create({ id })));
    for (const sandbox of sandboxes) {
      await run(sandbox, '(while :; do echo x >> ~/beat; sleep 0.01; done) > /dev/null 2>&1 &');
      const session = await sandbox.exec({ command: 'echo up; while :; do echo y >> ~/front; sleep 0.01; done', env: {} });
      await new Promise((resolve) => session.stdout.once('data', resolve));
    }
    ${more}
    console.log('ready');
  `;
  const server = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(server.stdout, 'data', { signal: AbortSignal.timeout(60_000) });
  } finally {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
}

const sizeOf = async (sandbox: RunningSandbox, file: string) =>
  Number((await run(sandbox, `wc -c < ~/${file}`)).stdout);

async function assertGrows(sandbox: RunningSandbox, file: string): Promise<void> {
  const size = await sizeOf(sandbox, file);
  await eventually(`${file} of ${sandbox.id} grows`, async () => (await sizeOf(sandbox, file)) > size);
}

describe('sandboxes of a server that was killed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'standin-sandbox-'));
  const ids = ['one', 'two', 'paused', 'unwanted'];
  let rig: Rig;
  let adopted: Map<string, RunningSandbox>;
  const sandbox = (id: string) => adopted.get(id) ?? assert.fail(`${id} was not taken over`);

  before(async () => {
    await serverThatIsKilled(directory, ids, "await sandboxes.find(({ id }) => id === 'paused').pause();");
    rig = openRig(directory);
    const found = await rig.driver.adopt(new Set(['one', 'two', 'paused', 'never-was']));
    adopted = new Map(found.map((each) => [each.id, each]));
  });
  after(() => rig.close());

  it('are taken over by the next, but for those that nobody wants, which are ended', () => {
    assert.deepEqual([...adopted.keys()].toSorted(), ['one', 'paused', 'two']);
    assert.deepEqual(readdirSync(join(directory, 'run/running')).toSorted(), ['one', 'paused', 'two']);
  });

  it('go on with what ran in them, in the background and in front', async () => {
    for (const id of ['one', 'two']) {
      await assertGrows(sandbox(id), 'beat');
      await assertGrows(sandbox(id), 'front');
    }
  });

  it('have their network again', async () => {
    const program =
      "import socket; s = socket.create_connection(('203.0.113.5', 443), 5); s.settimeout(5); print(s.recv(999).decode())";
    assert.equal(await python(sandbox('one'), program), 'one https ::ffff:203.0.113.5 443');
    assert.equal(rig.network.opened.get('one')?.length, 6);
  });

  it('that were paused are paused, and go on when they are resumed', async () => {
    const paused = sandbox('paused');
    assert.equal(paused.paused, true);
    await assert.rejects(run(paused, 'true'), { code: 'unavailable', message: /paused/ });
    await paused.resume();
    await assertGrows(paused, 'beat');
  });

  it('survive the death of their processes, tell when they end, and are ended like others', async () => {
    const two = sandbox('two');
    await run(two, 'kill -9 -1').catch(() => undefined);
    const back = async () => (await run(two, 'echo back')).stdout === 'back\n';
    // In gVisor the agent has to dial again before there is anybody to ask.
    if (inGvisor) await eventually('the agent is back', () => back().catch(() => false));
    else assert.equal(await back(), true);
    const record: { first: { pid: number } } = JSON.parse(
      readFileSync(join(directory, 'run/running/two/sandbox.json'), 'utf8'),
    );
    process.kill(record.first.pid, 'SIGKILL');
    await two.ended;
    await assert.rejects(run(two, 'true'), { code: 'unavailable' });
    const one = sandbox('one');
    await one.destroy();
    await one.ended;
    assert.deepEqual(readdirSync(join(directory, 'run/running')), ['paused']);
  });
});

describe('what a server finds of sandboxes that ended', () => {
  const directory = mkdtempSync(join(tmpdir(), 'standin-sandbox-'));
  let rig: Rig;
  after(() => rig.close());

  it('is removed, and a process that has the number of another is left alone', async () => {
    await serverThatIsKilled(directory, ['gone', 'broken', 'taken']);
    const place = (id: string) => join(directory, 'run/running', id, 'sandbox.json');
    const record = (id: string): { launcher: { pid: number; start: number }; first: { pid: number; start: number } } =>
      JSON.parse(readFileSync(place(id), 'utf8'));
    const [gone, taken] = [record('gone'), record('taken')];
    process.kill(gone.first.pid, 'SIGKILL');
    // Its numbers belong to this process now, as far as the record says.
    process.kill(taken.first.pid, 'SIGKILL');
    for (const each of [taken.launcher, taken.first]) each.pid = process.pid;
    writeFileSync(place('taken'), JSON.stringify(taken));
    const broken = record('broken');
    writeFileSync(place('broken'), '{');
    rig = openRig(directory);
    assert.deepEqual(await rig.driver.adopt(new Set(['gone', 'broken', 'taken'])), []);
    assert.deepEqual(readdirSync(join(directory, 'run/running')), []);
    process.kill(broken.first.pid, 'SIGKILL');
  });
});

it('a server that lets go of its sandboxes leaves them running, and the next finds them', async () => {
  const first = openRig();
  const sandbox = await first.create({ id: 'kept' });
  await run(sandbox, '(while :; do echo x >> ~/beat; sleep 0.01; done) > /dev/null 2>&1 &');
  await first.driver.close();
  first.network.end();
  const second = openRig(first.directory);
  try {
    const [found] = await second.driver.adopt(new Set(['kept']));
    assert.ok(found);
    await assertGrows(found, 'beat');
    const another = await second.create({ id: 'another' });
    assert.equal((await run(another, 'echo new')).stdout, 'new\n');
  } finally {
    await second.close();
  }
});

againAsOrdinaryUser(import.meta.filename);
againInGvisor(import.meta.filename);
