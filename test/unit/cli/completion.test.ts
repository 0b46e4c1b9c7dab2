import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram, skipWithout } from '../../support/processes.ts';
import { listenOnLoopback } from '../../support/ports.ts';
import { startStandin } from '../../support/standin-server.ts';
import type { StandinServer } from '../../support/standin-server.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { startTmux } from '../../support/tmux.ts';

const binary = fileURLToPath(new URL('../../../bin/standin', import.meta.url));
const directory = temporaryDirectory('completion');
let server: StandinServer;
let environment: Record<string, string>;

before(async () => {
  const bin = join(directory.path, 'bin');
  mkdirSync(bin);
  symlinkSync(binary, join(bin, 'standin'));
  server = await startStandin({ env: { STANDIN_SANDBOX_DRIVER: 'external' } });
  environment = {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    HOME: directory.path,
    STANDIN_URL: server.url,
    STANDIN_API_KEY: server.apiKey,
  };
  for (const name of ['anthropic-prod', 'github-bot', 'github-ci']) {
    await server.client.secrets.create({ name, value: 'value-of-it', provider: name.split('-')[0] });
  }
  await server.client.sandboxes.create({ name: 'agent', secrets: { GH_TOKEN: 'github-bot' } });
  await server.client.sandboxes.create({ name: 'odd $(touch pwned) name' });
});
after(async () => {
  await server.stop();
  directory.remove();
});

async function candidates(words: string[], env: Record<string, string> = {}): Promise<string[]> {
  const { code, stdout, stderr } = await runProgram(binary, ['__complete', '--', ...words], {
    env: { ...environment, ...env },
    cwd: directory.path,
  });
  assert.deepEqual([code, stderr], [0, '']);
  return stdout.split('\n').slice(0, -1);
}

const valuesOf = (lines: string[]) => lines.map((line) => line.split('\t')[0] ?? '');

test('commands, options and fixed choices are completed from the commands themselves', async () => {
  assert.deepEqual(valuesOf(await candidates(['sec'])), ['secret', ':end']);
  assert.deepEqual(valuesOf(await candidates(['secret', 'ro'])), ['rotate', ':end']);
  assert.deepEqual(valuesOf(await candidates(['secret', 'list', '--j'])), ['--json', ':end']);
  assert.deepEqual(valuesOf(await candidates(['secret', 'audit', 'x', '--kind', ''])), [
    'request',
    'tripwire',
    'all',
    ':end',
  ]);
  assert.deepEqual(valuesOf(await candidates(['secret', 'audit', 'x', '--kind=tr'])), ['--kind=tripwire', ':end']);
  assert.deepEqual(valuesOf(await candidates(['completion', ''])), ['bash', 'zsh', 'fish', ':end']);
});

test('an option that was given is not offered again, unless it may come again', async () => {
  const flags = valuesOf(await candidates(['sandbox', 'create', 'x', '--driver', 'external', '-s', 'A=b', '--']));
  assert.equal(flags.includes('--driver'), false);
  assert.equal(flags.includes('--secret'), true);
});

test('names come from the server, each where it belongs', async () => {
  assert.deepEqual(valuesOf(await candidates(['secret', 'get', 'git'])).toSorted(), [
    ':end',
    'github-bot',
    'github-ci',
  ]);
  assert.deepEqual(await candidates(['secret', 'create', '']), [':end']);
  assert.deepEqual(valuesOf(await candidates(['secret', 'create', 'x', '--provider', 'anth'])), ['anthropic', ':end']);
  assert.deepEqual(valuesOf(await candidates(['run', '-s', 'KEY=anth'])), ['KEY=anthropic-prod', ':end']);
  assert.deepEqual(valuesOf(await candidates(['sandbox', 'get', 'ag'])), ['agent', ':end']);
  assert.deepEqual(await candidates(['sandbox', 'detach', 'agent', '']), ['GH_TOKEN\tgithub-bot', ':end']);
  assert.deepEqual(valuesOf(await candidates(['sandbox', 'cp', 'ag'])), ['agent:/', ':files']);
  assert.deepEqual(valuesOf(await candidates(['run', 'cl'])), ['claude', ':files']);
});

test('a sandbox whose name a shell would read as something else is offered by its id', async () => {
  const lines = await candidates(['sandbox', 'get', '']);
  assert.equal(lines.length, 3);
  for (const line of lines) assert.doesNotMatch(line.split('\t')[0] ?? '', /[$() ]/);
});

test('within the words of another program nothing of ours is offered', async () => {
  assert.deepEqual(await candidates(['run', 'make', '--js']), [':files']);
  assert.deepEqual(await candidates(['sandbox', 'exec', 'agent', '--', '--js']), [':end']);
});

test('a server that does not answer in time, and none at all, are silence', async () => {
  const silent = createServer(() => undefined);
  const port = await listenOnLoopback(silent);
  try {
    assert.deepEqual(await candidates(['secret', 'get', ''], { STANDIN_URL: `http://127.0.0.1:${port}` }), [':end']);
  } finally {
    silent.close();
  }
  const nowhere = { STANDIN_URL: '', STANDIN_API_KEY: '', STANDIN_DATA_DIR: '/nonexistent' };
  assert.deepEqual(await candidates(['secret', 'get', ''], nowhere), [':end']);
});

const shells = [
  { name: 'bash', words: ['bash', '--norc', '-i'], setUp: 'eval "$(standin completion bash)"' },
  {
    name: 'zsh',
    words: ['zsh', '-f', '-i'],
    setUp: 'autoload -Uz compinit; compinit -u -D; eval "$(standin completion zsh)"',
  },
  { name: 'fish', words: ['fish', '--no-config', '-i'], setUp: 'standin completion fish | source' },
] as const;

for (const { name, words, setUp } of shells) {
  test(
    `TAB in a real ${name} completes commands, bindings, names and files`,
    { skip: skipWithout(name, 'tmux') },
    async () => {
      writeFileSync(join(directory.path, 'file-of-mine'), '');
      const terminal = startTmux({ words, env: environment, cwd: directory.path, columns: 180 });
      try {
        terminal.type(`${setUp}; clear; echo lo""aded`);
        terminal.press('Enter');
        await terminal.waitFor(/^loaded$/m);
        for (const [typed, completed] of [
          ['standin secr', /standin secret/],
          ['get anth', /standin secret get anthropic-prod/],
          [' && standin run -s KEY=anth', /standin run -s KEY=anthropic-prod/],
          [' && standin serve --config file-o', /standin serve --config file-of-mine/],
        ] as const) {
          terminal.type(typed);
          terminal.press('Tab');
          await terminal.waitFor(completed);
        }
        terminal.press('C-c');
        terminal.type('standin secret get github-');
        terminal.press('Tab', 'Tab');
        await terminal.waitFor(/github-bot[^]*github-ci|github-ci[^]*github-bot/);
        terminal.press('C-c');
        assert.equal(existsSync(join(directory.path, 'pwned')), false, 'no candidate is run by the shell');
      } finally {
        terminal.stop();
      }
    },
  );
}
