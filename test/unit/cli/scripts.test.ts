import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const setup = fileURLToPath(new URL('../../../scripts/setup', import.meta.url));
const runner = fileURLToPath(new URL('../../../scripts/test.ts', import.meta.url));
const directory = temporaryDirectory('scripts');
after(() => directory.remove());

/** A PATH with only what the script itself needs: no sudo, no apt, no program that it looks for in /usr/bin. */
function barePath(): string {
  const bin = join(directory.path, 'bin');
  mkdirSync(bin);
  for (const name of ['dirname', 'uname', 'id', 'mktemp', 'rm', 'tail', 'env'])
    symlinkSync(`/usr/bin/${name}`, join(bin, name));
  return bin;
}

test('setup that cannot install says for each missing package what to do, and goes on', async () => {
  const { code, stdout, stderr } = await runProgram('/bin/sh', [setup, '--demo'], { env: { PATH: barePath() } });
  assert.equal(code, 0);
  assert.equal(stdout, '');
  const lines = stderr.trim().split('\n');
  for (const line of lines) assert.match(line, /^setup: \S+ is missing; install it with `apt-get install \S+`/);
  for (const name of ['bubblewrap', 'curl', 'git'])
    assert.ok(
      lines.some((line) => line.includes(` ${name} is`)),
      name,
    );
});

test('setup refuses an option that it does not know', async () => {
  const { code, stderr } = await runProgram('/bin/sh', [setup, '--everything'], { env: { PATH: '/usr/bin:/bin' } });
  assert.equal(code, 2);
  assert.match(stderr, /^usage: scripts\/setup/);
});

test('the test runner fails where a test fails, names it, and ends with a summary', async () => {
  const { code, stdout } = await runTests({
    'a.test.ts': "import { test } from 'node:test';\ntest('that holds', () => {});\n",
    'deep/b.test.ts': "import { test } from 'node:test';\ntest('that does not', () => { throw new Error('no'); });\n",
    'not-a-test.ts': "throw new Error('must not run');\n",
  });
  assert.equal(code, 1);
  assert.match(stdout, /that does not/);
  assert.match(stdout, /\n. pass 1\n. fail 1\n/);
  assert.equal(
    (await runTests({ 'a.test.ts': "import { test } from 'node:test';\ntest('that holds', () => {});\n" })).code,
    0,
  );
});

test('the test runner fails where a file ends before its tests do, or cannot be loaded', async () => {
  const dies = await runTests({ 'a.test.ts': 'process.exit(3);\n' });
  assert.equal(dies.code, 1);
  const broken = await runTests({ 'a.test.ts': "import './missing.ts';\n" });
  assert.equal(broken.code, 1);
});

test('a skipped test is a failure only where STANDIN_TEST_NO_SKIPS says so', async () => {
  const files = { 'a.test.ts': "import { test } from 'node:test';\ntest('left out', { skip: 'no X' }, () => {});\n" };
  assert.equal((await runTests(files)).code, 0);
  const strict = await runTests(files, { STANDIN_TEST_NO_SKIPS: '1' });
  assert.equal(strict.code, 1);
  assert.match(strict.stderr, /left out/);
});

test('a folder without tests is an error, not a success', async () => {
  assert.equal((await runTests({ 'a.ts': '' })).code, 2);
});

test('the continuous integration runs the command that the README names', () => {
  const script = readFileSync(fileURLToPath(new URL('../../../.ci/run', import.meta.url)), 'utf8');
  assert.match(script, /^npm ci\nnpm test$/m);
});

let runs = 0;
async function runTests(files: Record<string, string>, env: Record<string, string> = {}) {
  const folder = join(directory.path, `run-${runs++}`);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  chmodSync(folder, 0o755);
  // Without NODE_TEST_CONTEXT, which would make it a part of this run.
  return await runProgram(process.execPath, [runner, folder], { env: { PATH: '/usr/bin:/bin', ...env } });
}
