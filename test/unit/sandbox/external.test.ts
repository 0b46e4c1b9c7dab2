import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createExternalDriver } from '../../../src/sandbox/external.ts';

it('starts nothing, and says where commands are to be run', async () => {
  const driver = createExternalDriver();
  assert.equal(driver.runs, false);
  assert.deepEqual(await driver.preflight(), []);
  const limits = { memoryMib: 1, vcpuCount: 1, pids: 1, diskMib: 1 };
  const sandbox = await driver.create({
    id: 'x',
    name: 'x',
    caBundlePem: '',
    caPem: '',
    mounts: [],
    limits,
    template: null,
  });
  assert.deepEqual([sandbox.id, sandbox.baseEnv], ['x', {}]);
  await assert.rejects(sandbox.exec({ command: 'true', env: {} }), { code: 'conflict', message: /run elsewhere/ });
  await assert.rejects(sandbox.pause(), { code: 'conflict' });
  await sandbox.destroy();
  await driver.close();
});
