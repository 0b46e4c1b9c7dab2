import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startBothVersionsUpstream } from '../support/both-versions-upstream.ts';
import type { BothVersionsUpstream } from '../support/both-versions-upstream.ts';
import { startClientRig } from '../support/client-rig.ts';
import type { ClientRig } from '../support/client-rig.ts';
import { clientSandbox } from '../support/client-sandbox.ts';
import type { ClientSandbox } from '../support/client-sandbox.ts';
import { versionPrograms } from './version-programs.ts';

const host = 'api.example.com';
const value = 'real-version-value-0123456789abcdef';

describe('both versions of HTTP, as clients speak them', () => {
  let upstream: BothVersionsUpstream;
  let rig: ClientRig;
  let sandbox: ClientSandbox;

  before(async () => {
    rig = await startClientRig(async (authority) => {
      upstream = await startBothVersionsUpstream(authority.issue([host]));
      return { [host]: upstream.port };
    });
    const { client } = rig.server;
    await client.secrets.create({ name: 'key', value, auth: { type: 'bearer' }, hosts: [host] });
    sandbox = await clientSandbox(client, { name: 'versions', secrets: { KEY: 'key' } });
  });

  after(async () => {
    sandbox?.remove();
    await rig?.stop();
    await upstream?.stop();
  });

  for (const { name, version, run, skip } of versionPrograms) {
    test(`${name}: calls, an upload, and 50 calls at once carry the value`, { skip }, async () => {
      const from = upstream.requests.length;
      const result: unknown = JSON.parse(await run(sandbox, { BASE: `https://${host}` }));
      const returned = `Bearer ${sandbox.standIn('KEY')}`;
      const expected = { returned, length: '1000000', many: 50 };
      assert.deepEqual(result, version === null ? expected : { ...expected, version });
      const came = upstream.requests.slice(from);
      assert.equal(came.length, 52);
      assert.ok(came.every(({ authorization }) => authorization === `Bearer ${value}`));
    });
  }
});
