import assert from 'node:assert/strict';
import { it } from 'node:test';
import { skipWithout } from '../support/processes.ts';
import { startSdkRig } from '../support/sdk-rig.ts';
import { clientFile } from './languages.ts';

it(
  'the official npm package, unmodified, does all that the contract covers',
  { skip: skipWithout('bwrap', 'curl') },
  async () => {
    const rig = await startSdkRig({ STANDIN_MAX_SANDBOXES: '2' });
    try {
      const { stdout, stderr, code } = await rig.run(process.execPath, [clientFile('superserve.mjs')]);
      assert.equal(code, 0, `${stdout}\n${stderr}`);
      assert.ok(stdout.split('\n').filter((line) => line.startsWith('ok ')).length >= 26, stdout);
    } finally {
      await rig.stop();
    }
  },
);
