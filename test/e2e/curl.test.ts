import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startBothVersionsUpstream } from '../support/both-versions-upstream.ts';
import type { BothVersionsUpstream } from '../support/both-versions-upstream.ts';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { clientSandbox } from '../support/client-sandbox.ts';
import type { ClientSandbox } from '../support/client-sandbox.ts';
import { skipWithout } from '../support/processes.ts';
import { memoryGrowth } from '../support/worker-memory.ts';

const host = 'api.example.com';
const otherHost = 'other.example.com';
const value = 'real-curl-value-0123456789abcdef';
const megabytes = 100;
/** Far below what is moved, far above what the collector leaves behind while it moves. */
const mostGrowth = 80 * 1024 * 1024;

/** What is asked for, and what the proxy then speaks with curl. */
const versions = [
  { option: '--http1.1', spoken: /\n1\.1$/ },
  // Offered both, the proxy takes the version that costs less.
  { option: '--http2', spoken: /\n1\.1$/ },
  // Of curl's own versions, some offer HTTP/1.1 besides.
  { option: '--http2-prior-knowledge', spoken: /\n(?:2|1\.1)$/ },
] as const;

describe('curl', { skip: skipWithout('curl') }, () => {
  let upstream: BothVersionsUpstream;
  let rig: ClientRig;
  let sandbox: ClientSandbox;
  let upload: { path: string; digest: string };

  before(async () => {
    rig = await startClientRig(async (authority) => {
      upstream = await startBothVersionsUpstream(authority.issue([host, otherHost]));
      return { [host]: upstream.port, [otherHost]: upstream.port };
    });
    const { client } = rig.server;
    await client.secrets.create({ name: 'key', value, auth: { type: 'bearer' }, hosts: [host] });
    sandbox = await clientSandbox(client, { name: 'curl', secrets: { KEY: 'key' } });
    const content = randomBytes(megabytes * 1_000_000);
    upload = { path: join(sandbox.home, 'upload'), digest: createHash('sha256').update(content).digest('hex') };
    writeFileSync(upload.path, content);
    // The collector lets a fresh process grow once before it begins; that is not what is measured.
    await curl('-T', upload.path, `https://${host}/length`);
  });

  after(async () => {
    sandbox?.remove();
    await rig?.stop();
    await upstream?.stop();
  });

  const curl = (...args: string[]) =>
    sandbox.run('curl', ['-sS', '--fail-with-body', '--max-time', '60', '--write-out', '\n%{http_version}', ...args]);
  const bearer = () => ['-H', `Authorization: Bearer ${sandbox.standIn('KEY')}`];

  for (const { option, spoken } of versions) {
    test(`${option}: the upstream receives the value, and curl gets its stand-in back`, async () => {
      const output = await curl(option, ...bearer(), `https://${host}/authorization`);
      assert.match(output, spoken);
      assert.equal(output.split('\n')[0], `Bearer ${sandbox.standIn('KEY')}`);
      assert.equal(upstream.requests.at(-1)?.authorization, `Bearer ${value}`);
    });

    for (const to of [host, otherHost]) {
      const name = to === host ? 'a bound host' : 'another host';

      test(`${option}: ${megabytes} MB go up to ${name} at flat memory`, async (t) => {
        const growth = await memoryGrowth(rig.server, async () => {
          const output = await curl(option, '--limit-rate', '80M', '-T', upload.path, `https://${to}/length`);
          assert.match(output, spoken);
          assert.equal(output.split('\n')[0], `${megabytes * 1_000_000} ${upload.digest}`);
        });
        t.diagnostic(`${(growth / 2 ** 20).toFixed(1)} MiB more`);
        assert.ok(growth < mostGrowth, `${growth} bytes more`);
      });

      test(`${option}: ${megabytes} MB come down from ${name} to a slower reader at flat memory`, async (t) => {
        const growth = await memoryGrowth(rig.server, async () => {
          const target = `https://${to}/bytes/${megabytes * 1_000_000}`;
          const output = await curl(option, '--limit-rate', '50M', '-o', '/dev/null', '-w', '%{size_download}', target);
          assert.equal(output, String(megabytes * 1_000_000));
        });
        t.diagnostic(`${(growth / 2 ** 20).toFixed(1)} MiB more`);
        assert.ok(growth < mostGrowth, `${growth} bytes more`);
      });
    }
  }
});
