import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runProgram, startProgram, waitUntil } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const binary = fileURLToPath(new URL('../../../bin/standin', import.meta.url));
const directory = temporaryDirectory('demo-test');
after(() => directory.remove());
const path = process.env['PATH'] ?? '';
const verdict = z.object({
  holds: z.boolean(),
  claims: z.array(z.object({ claim: z.string(), holds: z.boolean(), evidence: z.string().optional() })),
});

/** Its temporary files go to a directory of our own, so that what it leaves is seen. */
function place(name: string): Record<string, string> {
  const TMPDIR = join(directory.path, name);
  mkdirSync(TMPDIR);
  return { TMPDIR, PATH: path, HOME: directory.path };
}

for (const driver of ['bubblewrap', 'external']) {
  test(`the demo by the driver ${driver} holds every claim, exits 0 and leaves nothing behind`, async () => {
    const env = place(driver);
    const { code, stdout, stderr } = await runProgram(binary, ['demo', '--driver', driver, '--json'], { env });
    const { holds, claims } = verdict.parse(JSON.parse(stdout));
    assert.deepEqual(
      claims.filter((each) => !each.holds),
      [],
      stderr,
    );
    assert.equal(holds, true);
    assert.ok(claims.length >= 13);
    assert.equal(code, 0);
    assert.deepEqual(readdirSync(env['TMPDIR'] ?? ''), []);
  });
}

test('the demo exits 1 and marks what did not hold', async () => {
  const env = place('broken');
  const fake = join(directory.path, 'fake');
  mkdirSync(fake);
  writeFileSync(join(fake, 'curl'), '#!/bin/sh\necho \'{"account":"acme"}\'\n');
  chmodSync(join(fake, 'curl'), 0o755);
  const { code, stdout } = await runProgram(binary, ['demo', '--driver', 'external', '--json'], {
    env: { ...env, PATH: `${fake}:${path}` },
  });
  const { holds, claims } = verdict.parse(JSON.parse(stdout));
  assert.equal(code, 1);
  assert.equal(holds, false);
  const broken = claims.filter((each) => !each.holds).map(({ claim }) => claim);
  assert.ok(broken.includes('curl got its answer, and the upstream the real key'), broken.join('\n'));
  assert.ok(broken.includes('the request with the key was refused'), broken.join('\n'));
});

test('the demo that is interrupted ends its processes and removes its files', async () => {
  const env = place('interrupted');
  const program = await startProgram(binary, ['demo'], { env });
  const [, server = '', upstream = ''] = await program.waitForOutput(/process (\d+)\n[^\n]*process (\d+)/);
  assert.deepEqual(await program.stop('SIGINT'), { code: 130, signal: null });
  assert.deepEqual(readdirSync(env['TMPDIR'] ?? ''), []);
  for (const pid of [server, upstream]) await waitUntil(() => !isAlive(Number(pid)), { what: `process ${pid} to end` });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
