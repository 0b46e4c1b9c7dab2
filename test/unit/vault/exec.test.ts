import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSandbox, outputOf, refusal, startVault, storeSecret } from './harness.ts';

const external = { driver: 'external' };
const unknownId = '6f1c1f0e-0000-4000-8000-000000000000';

describe('exec', () => {
  it('gives a process the sandbox variables and stand-ins of this moment, and none of ours', async (t) => {
    const harness = await startVault(t);
    const { vault, owner } = harness;
    await storeSecret(harness, 'KEY', { value: 'REAL' });
    const { sandbox, accessToken, egress } = await createSandbox(harness, {
      secrets: { KEY: 'KEY' },
      envVars: { MODE: 'slow', HOME: '/srv' },
    });
    const run = async (env?: Record<string, string>) => {
      const session = await vault.sandboxes.exec(sandbox.id, accessToken, {
        command: 'env',
        args: [],
        ...(env ? { env } : {}),
      });
      const { stdout, code } = await outputOf(session);
      assert.equal(code, 0);
      return Object.fromEntries(
        stdout
          .trimEnd()
          .split('\n')
          .map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1)]),
      );
    };
    assert.deepEqual(await run(), {
      PATH: process.env['PATH'],
      HOME: '/srv',
      SSL_CERT_FILE: '/etc/ssl/ca.pem',
      MODE: 'slow',
      KEY: egress.env['KEY'],
    });
    assert.equal((await run({ MODE: 'fast' }))['MODE'], 'fast');
    await vault.sandboxes.detach(owner, sandbox.id, 'KEY');
    assert.equal((await run())['KEY'], undefined);
    await vault.sandboxes.attach(owner, sandbox.id, { envKey: 'LATER', secretName: 'KEY' });
    assert.match((await run())['LATER'] ?? '', /^standin/);
  });

  it('takes the token of this very sandbox, and refuses all others with the same words', async (t) => {
    const harness = await startVault(t);
    const { vault, owner, store } = harness;
    const mine = await createSandbox(harness);
    const other = await createSandbox(harness);
    const gone = await createSandbox(harness);
    await vault.sandboxes.remove(owner, gone.sandbox.id);
    await vault.sandboxes.authorize(mine.sandbox.id, mine.accessToken);
    const wrong: [id: string, token: string][] = [
      [mine.sandbox.id, other.accessToken],
      [mine.sandbox.id, ''],
      [mine.sandbox.id, `${mine.accessToken}A`],
      [gone.sandbox.id, gone.accessToken],
      [unknownId, mine.accessToken],
      ['not-an-id', mine.accessToken],
    ];
    const messages = new Set<string>();
    for (const [id, token] of wrong) {
      for (const attempt of [
        vault.sandboxes.authorize(id, token),
        vault.sandboxes.exec(id, token, { command: 'true' }),
      ]) {
        await assert.rejects(attempt, (error) => {
          messages.add(String(error));
          return refusal('unauthorized')(error);
        });
      }
    }
    assert.equal(messages.size, 1);
    await store.sandboxes.update(mine.sandbox.id, { accessGeneration: 2 });
    assert.equal(await vault.sandboxes.authorize(mine.sandbox.id, mine.accessToken), 'stale');
    await assert.rejects(
      vault.sandboxes.exec(mine.sandbox.id, mine.accessToken, { command: 'true' }),
      refusal('unauthorized'),
    );
    await assert.rejects(vault.sandboxes.files(mine.sandbox.id, mine.accessToken), refusal('unauthorized'));
    const fresh = await vault.sandboxes.get(owner, mine.sandbox.id);
    await vault.sandboxes.authorize(mine.sandbox.id, fresh.accessToken);
  });

  it('is refused where the sandbox cannot take it', async (t) => {
    const harness = await startVault(t);
    const { vault, store, driver, deps } = harness;
    const elsewhere = await createSandbox(harness, external);
    const exec = (made: { sandbox: { id: string }; accessToken: string }, command = 'true') =>
      vault.sandboxes.exec(made.sandbox.id, made.accessToken, { command });
    await assert.rejects(exec(elsewhere), refusal('conflict', undefined, /somebody else/));
    const paused = await createSandbox(harness);
    await store.sandboxes.update(paused.sandbox.id, { status: 'paused' });
    await assert.rejects(exec(paused), refusal('unavailable', undefined, /paused/));
    const lost = await createSandbox(harness);
    driver.running.get(lost.sandbox.id)?.end();
    await t.waitFor(async () => assert.equal((await store.sandboxes.byId(lost.sandbox.id))?.status, 'failed'), {
      interval: 5,
      timeout: 5000,
    });
    await assert.rejects(exec(lost), refusal('unavailable', undefined, /does not run/));
    const healthy = await createSandbox(harness);
    await assert.rejects(exec(healthy, ''), refusal('bad_request', 'command'));
    await assert.rejects(exec(healthy, 'a\0b'), refusal('bad_request', 'command'));
    const withEnv = vault.sandboxes.exec(healthy.sandbox.id, healthy.accessToken, { command: 'x', env: { 'A=B': '' } });
    await assert.rejects(withEnv, refusal('bad_request', 'env.A=B'));
    assert.ok(deps.drivers.has('external'));
  });
});
