import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** The endurance run, for a few seconds: docs/endurance.md. */

const run = fileURLToPath(new URL('../soak/run.ts', import.meta.url));
const directory = temporaryDirectory('soak-smoke');
after(() => directory.remove());

test('a run of seconds, with a killed worker, a locked database and a restart, leaks nothing and loses nothing', async () => {
  const file = join(directory.path, 'report.json');
  const options = ['--minutes', '0.15', '--kill-every', '3s', '--rate', '60', '--external', '2', '--bubblewrap', '0'];
  const { code, stdout, stderr } = await runProgram(process.execPath, [
    run,
    ...options,
    '--database',
    'sqlite',
    '--report',
    file,
  ]);
  assert.equal(code, 0, `${stdout}${stderr}`);
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const faults = Object.keys(report.faults).join('; ');
  for (const each of ['worker killed', 'SQLite locked', 'SIGTERM']) assert.ok(faults.includes(each), faults);
  assert.ok(report.requests > 100, `${report.requests} requests`);
  assert.ok(report.audit.found > 50, JSON.stringify(report.audit));
});
