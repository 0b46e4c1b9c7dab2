import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { SandboxWithAccess } from '../../src/client/client.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig } from '../support/egress-rig.ts';
import { skipWithout, waitUntil } from '../support/processes.ts';
import { driverName, skipWithoutDriver } from '../support/sandbox-drivers.ts';
import { againInGvisor } from '../unit/sandbox/harness.ts';

const host = 'api.example.com';

/** What a program that runs all the while is answered; it asks whenever a line is put into its file. */
const asker = String.raw`
touch /tmp/asks /tmp/answers
tail -n +1 -f /tmp/asks | while read line; do
  curl -sS -m 10 -o /dev/null -w '%{http_code} %header{x-standin-error}\n' -H "Authorization: Bearer $KEY" https://${host}/ >> /tmp/answers 2>&1
done
`;

describe('a program that goes on inside', { skip: skipWithoutDriver || skipWithout('curl') }, () => {
  let rig: EgressRig;
  let sandbox: SandboxWithAccess;
  before(async () => {
    rig = await startEgressRig({ names: [host] });
    await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  });
  after(() => rig?.stop());

  async function shell(command: string): Promise<string> {
    const { stdout, stderr, exit_code: code } = await rig.server.client.exec(sandbox, { command });
    assert.equal(code, 0, stderr);
    return stdout;
  }

  async function begin(name: string): Promise<void> {
    sandbox = await rig.server.client.sandboxes.create({ name, driver: driverName, secrets: { KEY: 'key' } });
    await shell(`(${asker}) </dev/null >/dev/null 2>&1 &`);
  }

  /** The answer to one more request of the program. */
  async function next(): Promise<string> {
    const lines = async () => (await shell('cat /tmp/answers 2>/dev/null || :')).trim().split('\n').filter(Boolean);
    const known = (await lines()).length;
    await shell('echo ask >> /tmp/asks');
    await waitUntil(async () => (await lines()).length > known, { what: 'an answer' });
    return (await lines()).at(-1)?.trim() ?? '';
  }

  it('has its next request refused once its variable is detached', async () => {
    await begin('active');
    const { sandboxes } = rig.server.client;
    try {
      assert.equal(await next(), '200');
      await sandboxes.detach(sandbox.id, 'KEY');
      assert.equal(await next(), '403 credential_not_bound');
      await sandboxes.attach(sandbox.id, { env_key: 'KEY', secret_name: 'key' });
      assert.equal(await next(), '403 credential_not_bound', 'it holds the stand-in of before');
    } finally {
      await sandboxes.remove(sandbox.id);
    }
  });

  it('has it refused, too, where that was done while it was paused', async () => {
    await begin('paused');
    const { sandboxes } = rig.server.client;
    try {
      assert.equal(await next(), '200');
      await sandboxes.pause(sandbox.id);
      await sandboxes.detach(sandbox.id, 'KEY');
      const { access_token: accessToken } = await sandboxes.resume(sandbox.id);
      sandbox = { ...sandbox, access_token: accessToken };
      assert.equal(await next(), '403 credential_not_bound');
    } finally {
      await sandboxes.remove(sandbox.id);
    }
  });
});

againInGvisor(import.meta.filename);
