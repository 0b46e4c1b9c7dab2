import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { fileApi } from '../support/file-api.ts';
import type { FileApi } from '../support/file-api.ts';
import { memoryOf, skipWithout, waitUntil } from '../support/processes.ts';
import { driverName, inGvisor, skipWithoutDriver } from '../support/sandbox-drivers.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { againInGvisor } from '../unit/sandbox/harness.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/**
 * Threat 24, in motion: what a path names changes while it is used, or never comes to an end. The sandbox's directory of the host
 * lies beside the marker, so that whoever follows a link outside finds it.
 */
const marker = 'host-marker-9c42';

describe('files that change while they are used', { skip: skipWithoutDriver || skipWithout('python3') }, () => {
  const directory = temporaryDirectory('row-24-races');
  const beside = join(directory.path, 'beside');
  const project = join(directory.path, 'project');
  let server: StandinServer;
  let sandbox: SandboxWithAccess;
  let files: FileApi;

  before(async () => {
    mkdirSync(join(beside, 'd'), { recursive: true });
    mkdirSync(project);
    writeFileSync(join(beside, 'd', 'key'), marker);
    server = await startStandin({ env: { STANDIN_SANDBOX_DRIVER: driverName, STANDIN_SANDBOX_DISK: '900' } });
    sandbox = await server.client.sandboxes.create({
      name: 'racing',
      mounts: [{ source: project, target: '/srv/project', read_only: false }],
    });
    files = fileApi(server, sandbox);
  });
  after(async () => {
    await server?.stop();
    directory.remove();
  });

  const said = async (command: string) => (await server.client.exec(sandbox, { command })).stdout;
  /** Runs a Python program that changes things as fast as it can, while `work` is done. */
  const during = async (program: string, work: () => Promise<void>) => {
    await server.client.files.write(sandbox, '/tmp/race.py', program);
    const pid = (await said('python3 /tmp/race.py > /tmp/race.log 2>&1 & echo $!')).trim();
    try {
      await waitUntil(async () => /^up$/m.test(await said('cat /tmp/race.log')), { what: 'the race to begin' });
      await work();
      assert.match(await said(`kill -0 ${pid} && echo runs || cat /tmp/race.log`), /runs/);
    } finally {
      await said(`kill ${pid}`);
    }
  };
  const memoryMib = () => memoryOf(server.program.pid) / 2 ** 20;

  for (const [place, where] of Object.entries({
    'its own disk': '/tmp/race',
    'a directory of the host': '/srv/project',
  })) {
    it(`a directory on ${place} that turns into a link and back shows nothing of the host, and writes nothing there`, async (t) => {
      const program = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
here, exchange = -100, 2
os.chdir(${JSON.stringify(where)})
os.mkdir('d'); open('d/key', 'w').write('inside')
os.symlink(${JSON.stringify(join(beside, 'd'))}, 'link')
print('up', flush=True)
while libc.renameat2(here, b'd', here, b'link', exchange) == 0: pass
if ctypes.get_errno() != 22: raise OSError(ctypes.get_errno(), 'no exchange')
# gVisor's kernel of 2022 cannot exchange two names: there is none for a moment, in which a write may make a directory.
import shutil
while True:
  for before, after in (('d', 'real'), ('link', 'd'), ('d', 'link'), ('real', 'd')):
    try: os.rename(before, after)
    except OSError:
      if os.path.isdir('real') and not os.path.islink('d'): shutil.rmtree('d', True)
`;
      await said(`mkdir -p ${where}`);
      const counts = new Map<string, number>();
      await during(program, async () => {
        for (let round = 0; round < 60; round++) {
          const calls = {
            read: files.get(`${where}/d/key`),
            write: files.put(`${where}/d/written-${round}`, 'x'),
            list: files.list(`${where}/d`),
            zip: files.get(`${where}/d&format=zip`),
          };
          for (const [verb, call] of Object.entries(calls)) {
            const response = await call;
            // A zip that was begun may break off where its directory went away.
            const body = await response.text().catch(() => '');
            assert.equal(body.includes(marker), false, verb);
            assert.ok([200, 400, 404].includes(response.status), `${verb}: ${response.status} ${body}`);
            const outcome = `${verb} ${response.status}`;
            counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
          }
        }
      });
      t.diagnostic([...counts].map((each) => each.join(': ')).join(', '));
      assert.deepEqual(readdirSync(beside, { recursive: true, encoding: 'utf8' }).toSorted(), ['d', 'd/key']);
      assert.equal(readFileSync(join(beside, 'd', 'key'), 'utf8'), marker);
    });
  }

  it('a file that turns into a pipe and back keeps no call waiting', async () => {
    const program = `
import os
os.makedirs('/tmp/turns', exist_ok=True); os.chdir('/tmp/turns')
open('file', 'w').write('inside'); os.mkfifo('pipe'); os.link('file', 'x')
print('up', flush=True)
while True:
    os.link('pipe', 'y'); os.rename('y', 'x'); os.link('file', 'y'); os.rename('y', 'x')
`;
    await during(program, async () => {
      // Where every change of a name goes through gVisor, its loop takes most of the time.
      for (let round = 0; round < (inGvisor ? 10 : 60); round++) {
        const calls = [files.get('/tmp/turns/x'), files.get('/tmp/turns&format=zip'), files.list('/tmp/turns')];
        for (const response of await Promise.all(calls)) {
          await response.arrayBuffer();
          assert.ok([200, 400, 404].includes(response.status), String(response.status));
        }
      }
    });
  });

  it('a file without end is read as far as anybody wants it, at flat memory', async () => {
    await said('truncate -s 800G /tmp/endless');
    const held = memoryMib();
    for (let round = 0; round < 3; round++) {
      const { body } = await files.get('/tmp/endless');
      const reader = body?.getReader();
      for (let seen = 0; seen < 30_000_000;) seen += (await reader?.read())?.value?.length ?? Infinity;
      await reader?.cancel();
    }
    assert.ok(memoryMib() - held < 150, `${memoryMib() - held} MiB`);
    assert.equal(await (await files.put('/tmp/after', 'x')).text(), '{"path":"/tmp/after","size":1}');
    await said('rm /tmp/endless');
  });

  // The limit is the server's and the agent's, the same for both drivers.
  const slow = inGvisor && 'gVisor takes longer to make so many files than a command may';
  it(
    'a directory of a hundred thousand and more is refused, and nobody else waits for it',
    { skip: slow },
    async () => {
      await said(`python3 -c "
import os
os.mkdir('/tmp/huge'); os.chdir('/tmp/huge')
for n in range(120_000): os.close(os.open(str(n) + 'x' * 100, os.O_CREAT))"`);
      const held = memoryMib();
      const other = await server.client.sandboxes.create({ name: 'other' });
      const list = await files.list('/tmp/huge');
      assert.deepEqual([list.status, /100000 entries/.test(await list.text())], [400, true]);
      const end = new AbortController();
      const zipped = files.get('/tmp/huge&format=zip').finally(() => end.abort());
      let served = 0;
      for (; !end.signal.aborted; served++) await server.client.exec(other, { command: 'true', args: [] });
      const refused = await zipped;
      assert.deepEqual([refused.status, /100000 entries/.test(await refused.text())], [400, true]);
      assert.ok(served > 3, `the other sandbox was served ${served} times`);
      // Much of it is garbage that nobody has collected yet.
      assert.ok(memoryMib() - held < 300, `${memoryMib() - held} MiB`);
    },
  );
});

againInGvisor(import.meta.filename);
