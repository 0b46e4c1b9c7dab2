import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { startBothVersionsUpstream } from '../support/both-versions-upstream.ts';
import type { BothVersionsUpstream } from '../support/both-versions-upstream.ts';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { skipWithout } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { memoryGrowth } from '../support/worker-memory.ts';

/** nghttp and h2load know no proxies: they run inside a sandbox, and every address that they dial is ours. */
describe('the clients of nghttp2, inside a sandbox', { skip: skipWithout('bwrap', 'nghttp', 'h2load') }, () => {
  const host = 'api.example.com';
  const value = 'real-nghttp-value-0123456789abcdef';
  const large = 100_000_000;
  const mostGrowth = 48 * 1024 * 1024;
  const directory = temporaryDirectory('e2e-nghttp');
  const content = randomBytes(large);
  let upstream: BothVersionsUpstream;
  let rig: ClientRig;
  let sandbox: SandboxWithAccess;

  before(async () => {
    rig = await startClientRig(async (authority) => {
      upstream = await startBothVersionsUpstream(authority.issue([host]));
      return { [host]: upstream.port };
    });
    writeFileSync(join(directory.path, 'upload'), content);
    const { client } = rig.server;
    await client.secrets.create({ name: 'key', value, auth: { type: 'bearer' }, hosts: [host] });
    sandbox = await client.sandboxes.create({
      name: 'nghttp',
      driver: 'bubblewrap',
      secrets: { KEY: 'key' },
      mounts: [{ source: directory.path, target: directory.path, read_only: true }],
    });
  });

  after(async () => {
    if (sandbox !== undefined) await rig.server.client.sandboxes.remove(sandbox.id);
    await rig?.stop();
    await upstream?.stop();
    directory.remove();
  });

  const run = async (command: string) => {
    const { exit_code: code, stdout, stderr } = await rig.server.client.exec(sandbox, { command, timeout_s: 60 });
    assert.equal(code, 0, stderr + stdout);
    return stdout + stderr;
  };
  const bearer = '-H "Authorization: Bearer $KEY"';

  test('nghttp trusts the certificate, and gets its stand-in back for the value', async () => {
    const output = await run(`nghttp ${bearer} https://${host}/authorization`);
    assert.equal(output, `Bearer ${sandbox.egress.env['KEY']}`);
    assert.equal(upstream.requests.at(-1)?.authorization, `Bearer ${value}`);
    assert.equal(upstream.requests.at(-1)?.version, '2.0');
  });

  test('nghttp sends 100 MB at flat memory', async (t) => {
    const send = async () => {
      const output = await run(`nghttp ${bearer} -d ${directory.path}/upload https://${host}/length`);
      assert.equal(output, `${large} ${createHash('sha256').update(content).digest('hex')}`);
    };
    // The collector lets a fresh process grow once before it begins; that is not what is measured.
    await send();
    const growth = await memoryGrowth(rig.server, send);
    t.diagnostic(`${(growth / 2 ** 20).toFixed(1)} MiB more`);
    assert.ok(growth < mostGrowth, `${growth} bytes more`);
  });

  test('nghttp takes 100 MB, slower than they come, at flat memory', async (t) => {
    const growth = await memoryGrowth(rig.server, async () => {
      const count = `nghttp https://${host}/bytes/${large} | while head -c 4000000 | wc -c | grep -v '^0$'; do sleep 0.05; done`;
      const sizes = (await run(count)).trim().split('\n').map(Number);
      assert.equal(
        sizes.reduce((total, each) => total + each, 0),
        large,
      );
    });
    t.diagnostic(`${(growth / 2 ** 20).toFixed(1)} MiB more`);
    assert.ok(growth < mostGrowth, `${growth} bytes more`);
  });

  for (const { clients, streams, path } of [
    { clients: 1, streams: 100, path: '/authorization' },
    { clients: 20, streams: 50, path: '/authorization' },
    { clients: 4, streams: 20, path: '/bytes/100000' },
  ]) {
    test(`h2load: ${clients} connections of ${streams} streams at once to ${path} all succeed`, async (t) => {
      const requests = path === '/authorization' ? 5000 : 500;
      const from = upstream.requests.length;
      const options = `-n ${requests} -c ${clients} -m ${streams} --npn-list=h2`;
      const output = await run(`h2load ${options} ${bearer} https://${host}${path}`);
      assert.match(output, /^Application protocol: h2$/m);
      assert.match(
        output,
        new RegExp(
          `^requests: ${requests} total, ${requests} started, ${requests} done, ${requests} succeeded, 0 failed`,
          'm',
        ),
      );
      t.diagnostic(/^finished in .*$/m.exec(output)?.[0] ?? '');
      const came = upstream.requests.slice(from);
      assert.equal(came.length, requests);
      assert.ok(came.every(({ authorization }) => authorization === `Bearer ${value}`));
    });
  }
});
