import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { driverName, inGvisor, skipWithoutDriver } from '../support/sandbox-drivers.ts';
import { dataPlane } from '../support/file-api.ts';
import { commandLine, memoryOf, processIds } from '../support/processes.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { againInGvisor } from '../unit/sandbox/harness.ts';

const mib = 1024 * 1024;
/** Only root's sandboxes have control groups here, by which the agent is found. */
const isRoot = process.getuid?.() === 0;
/** gVisor's own memory is what the file is kept in there, so it is a smaller one; what is in the way is the same. */
const total = (inGvisor ? 512 : 2048) * mib;
const diskMib = inGvisor ? 640 : 2304;
/** What a process may take more, at most, while the file goes through it: an eighth, most of it garbage of buffers. */
const flatMib = 256;

describe('a file that is larger than what anybody keeps in memory', { skip: skipWithoutDriver }, () => {
  let server: StandinServer;
  let sandbox: SandboxWithAccess;
  const path = '/files?path=/home/user/large';
  const hash = createHash('sha256');

  before(async () => {
    server = await startStandin({
      env: {
        STANDIN_SANDBOX_DRIVER: driverName,
        STANDIN_SANDBOX_DISK: String(diskMib),
        STANDIN_SANDBOX_MEMORY: String(diskMib + 512),
      },
    });
    sandbox = await server.client.sandboxes.create({ name: 'large' });
    await server.client.exec(sandbox, { command: 'true' });
  });
  after(() => server.stop());

  const call = (method: string, body?: AsyncIterable<Uint8Array>) =>
    fetch(server.url + path, {
      method,
      headers: { ...dataPlane(sandbox), 'content-type': 'application/octet-stream' },
      ...(body === undefined ? {} : { body: ReadableStream.from(body), duplex: 'half' }),
    });

  it('goes in whole at flat memory', async (t) => {
    const growth = growthOf(server, sandbox);
    const answer = await call('POST', content(hash));
    assert.deepEqual([answer.status, await answer.json()], [200, { path: '/home/user/large', size: total }]);
    growth.assertFlat((line) => t.diagnostic(line));
  });

  it('comes out whole at flat memory', async (t) => {
    const growth = growthOf(server, sandbox);
    const answer = await call('GET');
    assert.equal(answer.headers.get('content-length'), String(total));
    const seen = createHash('sha256');
    for await (const chunk of answer.body ?? []) seen.update(chunk);
    assert.equal(seen.digest('hex'), hash.digest('hex'));
    growth.assertFlat((line) => t.diagnostic(line));
  });

  it('that does not fit is refused, and nothing is left of it', async () => {
    const answer = await call('POST', content(createHash('sha256'), (diskMib + 64) * mib));
    assert.deepEqual([answer.status, JSON.parse(await answer.text()).error.code], [507, 'sandbox_storage_full']);
    const left = await server.client.exec(sandbox, { command: 'ls -A ~; stat -c %s ~/large' });
    assert.equal(left.stdout, `large\n${total}\n`);
  });
});

/** Chunks that differ, so that one that is lost or doubled shows. */
async function* content(hash: ReturnType<typeof createHash>, length = total): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.alloc(mib, 'standin ');
  for (let at = 0; at < length; at += mib) {
    const next = Buffer.from(chunk);
    next.writeUInt32BE(at / mib);
    hash.update(next);
    yield next;
  }
}

/** The most that the server and the sandbox's agent have had resident, from now on. */
function growthOf(server: StandinServer, { id }: SandboxWithAccess): { assertFlat(say: (line: string) => void): void } {
  // gVisor's processes are none of the host's.
  const agents = inGvisor || !isRoot ? [] : processIds().filter((pid) => isAgentOf(pid, id));
  assert.equal(agents.length, inGvisor || !isRoot ? 0 : 1);
  const held = [server.program.pid, ...agents].map((pid) => ({ pid, bytes: memoryOf(pid, 'VmHWM') }));
  return {
    assertFlat(say) {
      for (const { pid, bytes } of held) {
        const grown = (memoryOf(pid, 'VmHWM') - bytes) / mib;
        say(`${pid === server.program.pid ? 'server' : 'agent'}: ${grown.toFixed(0)} MiB more`);
        assert.ok(grown < flatMib, `${grown} MiB`);
      }
    },
  };
}

/** By the control group that it is in. */
function isAgentOf(pid: number, sandboxId: string): boolean {
  try {
    const group = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
    return group.includes(sandboxId) && commandLine(pid).startsWith('/opt/standin/bin/node');
  } catch {
    return false;
  }
}

againInGvisor(import.meta.filename);
