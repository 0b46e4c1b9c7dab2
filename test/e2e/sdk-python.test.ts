import assert from 'node:assert/strict';
import { it } from 'node:test';
import { skipWithout } from '../support/processes.ts';
import { startSdkRig } from '../support/sdk-rig.ts';
import { clientFile, noPython, pythonProgram } from './languages.ts';

const skip = skipWithout('bwrap', 'curl') || noPython;

for (const [way, { program, steps }] of Object.entries({
  'with blocking calls': { program: 'superserve_sdk.py', steps: 17 },
  'with asyncio': { program: 'superserve_async.py', steps: 12 },
})) {
  it(`the official PyPI package, unmodified, does all that the contract covers, ${way}`, { skip }, async () => {
    const rig = await startSdkRig({ STANDIN_MAX_SANDBOXES: '1' });
    try {
      const { stdout, stderr, code } = await rig.run(pythonProgram, [clientFile(program)]);
      assert.equal(code, 0, `${stdout}\n${stderr}`);
      assert.ok(stdout.split('\n').filter((line) => line.startsWith('ok ')).length >= steps, stdout);
    } finally {
      await rig.stop();
    }
  });
}
