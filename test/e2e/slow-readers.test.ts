import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { dataPlane } from '../support/file-api.ts';
import { memoryOf, standstill, waitUntil } from '../support/processes.ts';
import { driverName, skipWithoutDriver } from '../support/sandbox-drivers.ts';
import { startStandin } from '../support/standin-server.ts';
import type { StandinServer } from '../support/standin-server.ts';
import { againInGvisor } from '../unit/sandbox/harness.ts';

const mib = 1024 * 1024;
/** What a reader who reads nothing is sent: most of it must wait where it is made. */
const totalMib = 128;
/** Of the buffers on the way, those of four kernel sockets among them. */
const onTheWayMib = 24;
/** Of the server's memory, most of it garbage that nobody has collected yet. */
const heldMib = 64;

describe('a reader that reads nothing for a while', { skip: skipWithoutDriver }, () => {
  let server: StandinServer;
  let sandbox: SandboxWithAccess;

  before(async () => {
    server = await startStandin({ env: { STANDIN_SANDBOX_DRIVER: driverName, STANDIN_SANDBOX_DISK: '512' } });
    sandbox = await server.client.sandboxes.create({ name: 'source' });
  });
  after(() => server.stop());

  const said = async (command: string) => (await server.client.exec(sandbox, { command })).stdout.trim();
  const residentMib = () => memoryOf(server.program.pid) / mib;

  /** An answer of which nothing is read before somebody does. */
  async function asked(method: 'GET' | 'POST', path: string, body = ''): Promise<IncomingMessage> {
    const sent = request(server.url + path, {
      method,
      agent: false,
      headers: { ...dataPlane(sandbox), ...(body === '' ? {} : { 'content-type': 'application/json' }) },
    });
    sent.end(body);
    const [answer]: IncomingMessage[] = await once(sent, 'response');
    assert.ok(answer);
    assert.equal(answer.statusCode, 200);
    return answer;
  }

  describe('holds a command back that streams its output', () => {
    const program = `
import sys
line = 'x' * 1023 + '\\n'
for made in range(1, ${totalMib} + 1):
    sys.stdout.write(line * 1024); sys.stdout.flush()
    open('/tmp/made', 'w').write(str(made))`;
    const begin = async () => {
      await server.client.files.write(sandbox, '/tmp/made', '0');
      await server.client.files.write(sandbox, '/tmp/program.py', program);
      return await asked('POST', '/exec/stream', JSON.stringify({ command: 'python3 /tmp/program.py' }));
    };
    const made = async () => Number(await said('cat /tmp/made'));

    it('and gets all of it later; meanwhile the server keeps little, and others are served', async (t) => {
      const held = residentMib();
      const answer = await begin();
      const waiting = await standstill(made, { forMs: 1000, withinMs: 60_000 });
      t.diagnostic(
        `${waiting} of ${totalMib} MiB were made, and the server has ${(residentMib() - held).toFixed(0)} MiB more`,
      );
      assert.ok(waiting < onTheWayMib, `${waiting} MiB were made for nobody`);
      assert.ok(residentMib() - held < heldMib, `${residentMib() - held} MiB`);
      assert.equal(await said('echo served'), 'served');
      const output = createHash('sha256');
      let code: unknown = null;
      for await (const line of createInterface({ input: answer })) {
        if (!line.startsWith('data: ')) continue;
        const event: { stdout?: string; exit_code?: number } = JSON.parse(line.slice(6));
        if (event.stdout !== undefined) output.update(event.stdout);
        code = event.exit_code ?? code;
      }
      assert.equal(code, 0);
      const expected = createHash('sha256');
      for (let line = 0; line < totalMib * 1024; line++) expected.update(`${'x'.repeat(1023)}\n`);
      assert.equal(output.digest('hex'), expected.digest('hex'));
    });

    it('and where it leaves instead, the command is ended', async () => {
      const answer = await begin();
      await standstill(made, { forMs: 1000, withinMs: 60_000 });
      answer.destroy();
      await waitUntil(async () => (await said('pgrep -f /tmp/program.p[y] || echo none')) === 'none', {
        what: 'the command to end',
      });
      assert.ok((await made()) < onTheWayMib);
    });
  });

  it('holds a download back, of which it gets all later; meanwhile another gets the same file', async (t) => {
    await said(`head -c ${totalMib}M /dev/urandom > /tmp/large`);
    const expected = (await said('sha256sum /tmp/large')).split(' ')[0];
    const held = residentMib();
    const answers = await Promise.all(Array.from({ length: 4 }, () => asked('GET', '/files?path=/tmp/large')));
    const [first, ...others] = answers;
    const rest = await asked('GET', '/files?path=/tmp/large');
    assert.equal(await digest(rest), expected);
    t.diagnostic(`${(residentMib() - held).toFixed(0)} MiB more`);
    assert.ok(residentMib() - held < 3 * heldMib, `${residentMib() - held} MiB`);
    for (const other of others) other.destroy();
    assert.ok(first);
    assert.equal(await digest(first), expected);
  });
});

async function digest(answer: IncomingMessage): Promise<string> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of answer) {
    if (!(chunk instanceof Buffer)) throw new TypeError('no bytes');
    size += chunk.length;
    hash.update(chunk);
  }
  assert.equal(size, totalMib * mib);
  return hash.digest('hex');
}

againInGvisor(import.meta.filename);
