import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { plainName } from '../../../src/cli/copy/copy-out.ts';
import { skipWithout, startProgram } from '../../support/processes.ts';
import { startTmux } from '../../support/tmux.ts';
import { binary, startCommandLine } from './command-line.ts';

const commandLine = await startCommandLine('copy');
const { server, directory, environment } = commandLine;
after(() => commandLine.stop());
before(async () => {
  const created = await standin('sandbox', 'create', 'agent');
  assert.equal(created.code, 0, created.stderr);
});

function standin(...args: string[]) {
  return commandLine.run(args, { cwd: directory });
}

test('a directory goes in and comes out with all below it: content, empty directories, what may be run', async () => {
  const from = join(directory, 'tree');
  mkdirSync(join(from, 'deep', 'empty'), { recursive: true });
  writeFileSync(join(from, 'a b.txt'), 'one');
  writeFileSync(join(from, 'deep', 'run.sh'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
  symlinkSync('/etc/passwd', join(from, 'link'));
  const copied = await standin('sandbox', 'cp', '-r', 'tree', 'agent:/home/user/tree');
  assert.equal(copied.code, 0, copied.stderr);
  assert.match(copied.stdout, /^copied 2 files, 22 B to \/home\/user\/tree$/m);
  assert.match(copied.stderr, /left out .*link/);
  const inside = await standin(
    'sandbox',
    'exec',
    'agent',
    '--',
    'sh',
    '-c',
    'cd tree && find . | sort && ./deep/run.sh',
  );
  assert.equal(inside.stdout, '.\n./a b.txt\n./deep\n./deep/empty\n./deep/run.sh\nran\n', inside.stderr);
  const back = await standin('sandbox', 'cp', '-r', 'agent:/home/user/tree', 'back');
  assert.equal(back.code, 0, back.stderr);
  assert.equal(readFileSync(join(directory, 'back', 'a b.txt'), 'utf8'), 'one');
  assert.deepEqual(readdirSync(join(directory, 'back', 'deep')).toSorted(), ['empty', 'run.sh']);
});

test('a directory without -r is refused on the way in', async () => {
  const { code, stderr } = await standin('sandbox', 'cp', '.', 'agent:/tmp/x');
  assert.equal(code, 2);
  assert.match(stderr, /is a directory; give -r\n$/);
});

test('nothing that a sandbox calls a file leads out of the directory that is written', () => {
  for (const name of ['..', '.', '', 'a/b', '../x', 'a\0b', 'a\\b'])
    assert.throws(() => plainName(name), /not copied/, name);
  assert.equal(plainName('...'), '...');
});

test('what comes out is written over no link', async () => {
  const target = join(directory, 'precious');
  writeFileSync(target, 'kept');
  mkdirSync(join(directory, 'out'));
  symlinkSync(target, join(directory, 'out', 'note'));
  await standin('sandbox', 'exec', 'agent', '--', 'sh', '-c', 'mkdir -p d && echo new > d/note');
  const { code, stderr } = await standin('sandbox', 'cp', '-r', 'agent:/home/user/d', 'out/../out2');
  assert.equal(code, 0, stderr);
  const over = await standin('sandbox', 'cp', 'agent:/home/user/d/note', 'out/note');
  assert.equal(over.code, 1);
  assert.match(over.stderr, /cannot be written \(it is a link\)/);
  assert.equal(readFileSync(target, 'utf8'), 'kept');
});

test('a sandbox is named by its name and by the first characters of its id; what is near is suggested', async () => {
  const [agent] = await server.client.sandboxes.list();
  assert.match((await standin('sandbox', 'get', agent?.id.slice(0, 8) ?? '')).stdout, /^name +agent$/m);
  const near = await standin('sandbox', 'get', 'agnt');
  assert.match(near.stderr, /no sandbox has the name or id agnt; did you mean agent\?/);
  await server.client.sandboxes.create({ name: 'twin', driver: 'external' });
  await server.client.sandboxes.create({ name: 'twin', driver: 'external' });
  assert.match(
    (await standin('sandbox', 'get', 'twin')).stderr,
    /2 sandboxes are named twin; say which: [0-9a-f-]{36}, /,
  );
});

test('--follow shows what was and then what comes, each row once, and ends with its reader', async () => {
  await standin('sandbox', 'exec', 'agent', '--', 'curl', '-sS', 'https://one.invalid/');
  const following = await startProgram(binary, ['sandbox', 'log', 'agent', '--follow', '--json'], { env: environment });
  await following.waitForOutput(/one\.invalid/, { withinMs: 60_000 });
  await standin('sandbox', 'exec', 'agent', '--', 'curl', '-sS', 'https://two.invalid/');
  await following.waitForOutput(/two\.invalid/, { withinMs: 60_000 });
  await following.stop();
  const rows = following.stdout().trim().split('\n');
  assert.equal(new Set(rows).size, rows.length, 'each once');
  for (const row of rows) assert.equal(typeof JSON.parse(row), 'object');
  const headed = `'${binary}' sandbox log agent --follow | head -n 1`;
  const reader = await startProgram('sh', ['-c', headed], { env: environment });
  await reader.waitForOutput(/^TIME +WHAT +HOST/, { withinMs: 60_000 });
  await standin('sandbox', 'exec', 'agent', '--', 'curl', '-sS', 'https://three.invalid/');
  assert.equal((await reader.ended).code, 0);
});

test(
  'long work shows its progress on a terminal, and Ctrl-C leaves the terminal as it was',
  { skip: skipWithout('tmux') },
  async () => {
    const big = join(directory, 'big');
    writeFileSync(big, '');
    truncateSync(big, 600_000_000);
    const terminal = startTmux({
      words: ['sh', '-i'],
      cwd: directory,
      env: { ...environment, PS1: '$ ' },
    });
    try {
      await terminal.waitFor(/^\$$/m);
      terminal.type(`'${binary}' sandbox cp big agent:/tmp/big`);
      terminal.press('Enter');
      await terminal.waitFor(/copying big [\d.]+ [KM]B of 600 MB, \d+ %, [\d.]+ [KM]B\/s/);
      terminal.press('C-c');
      await terminal.waitFor(/\n\$$/);
      assert.doesNotMatch(terminal.screen(), /%/, 'the line is taken away');
      terminal.type('clear; stty -a');
      terminal.press('Enter');
      await terminal.waitFor(/echoctl[^]*\n\$$/);
      assert.match(terminal.screen(), /(^| )icanon/m);
      assert.match(terminal.screen(), /(^| )echo /m);
    } finally {
      terminal.stop();
    }
  },
);

test(
  'a prompt that is ended from outside gives the cursor and the echo back',
  { skip: skipWithout('tmux') },
  async () => {
    const terminal = startTmux({ words: ['sh', '-i'], cwd: directory, env: { ...environment, PS1: '$ ' } });
    try {
      await terminal.waitFor(/^\$$/m);
      terminal.type(`'${binary}' secret create k --provider openai & fg; clear; stty -a`);
      terminal.press('Enter');
      await terminal.waitFor(/Value of k/);
      terminal.type('half-typed');
      const pid = execFileSync('pgrep', ['-f', `main.ts secret create k --provider openai`], {
        encoding: 'utf8',
      }).trim();
      process.kill(Number(pid.split('\n')[0]), 'SIGTERM');
      await terminal.waitFor(/echoctl/);
      assert.match(terminal.screen(), /(^| )icanon/m);
      assert.match(terminal.screen(), /(^| )echo /m);
      assert.doesNotMatch(terminal.screen({ scrollback: true }), /half-typed/);
    } finally {
      terminal.stop();
    }
  },
);

test('piped, the same work shows nothing of its progress', async () => {
  statSync(join(directory, 'tree'));
  const { stderr } = await standin('sandbox', 'cp', join('tree', 'a b.txt'), 'agent:/tmp/');
  assert.equal(stderr, '');
});
