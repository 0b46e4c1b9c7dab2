import assert from 'node:assert/strict';
import { it } from 'node:test';
import { skipWithout } from '../support/processes.ts';
import { startSdkRig } from '../support/sdk-rig.ts';
import { clientFile, noPython, pythonProgram } from './languages.ts';

const skip = skipWithout('bwrap', 'curl') || noPython;

it('the official PyPI package, unmodified, does all that the contract covers', { skip }, async () => {
  const rig = await startSdkRig();
  try {
    const { stdout, stderr, code } = await rig.run(pythonProgram, [clientFile('superserve_sdk.py')]);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.ok(stdout.split('\n').filter((line) => line.startsWith('ok ')).length >= 16, stdout);
  } finally {
    await rig.stop();
  }
});
