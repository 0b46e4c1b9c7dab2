import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readEnvFile, replaceFile, withoutValues } from '../../../src/cli/import/env-file.ts';
import { runProgram } from '../../support/processes.ts';
import { startStandin } from '../../support/standin-server.ts';
import type { StandinServer } from '../../support/standin-server.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const binary = fileURLToPath(new URL('../../../bin/standin', import.meta.url));
const directory = temporaryDirectory('import');
let server: StandinServer;

before(async () => {
  server = await startStandin({ env: { STANDIN_SANDBOX_DRIVER: 'external' } });
});
after(async () => {
  await server.stop();
  directory.remove();
});

const anthropicKey = `sk-ant-api03-${'Ab1_'.repeat(23)}xyz`;
const githubKey = `ghp_${'Cd2'.repeat(12)}`;

let files = 0;
function envFile(content: string | Buffer, name = '.env'): string {
  const folder = join(directory.path, `f${files++}`);
  mkdirSync(folder);
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

function standin(...args: string[]) {
  return runProgram(binary, ['secret', 'import', ...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: directory.path,
      STANDIN_URL: server.url,
      STANDIN_API_KEY: server.apiKey,
    },
  });
}

test('everything else in the file is kept to the byte: line ends, comments, mode, and what is not UTF-8', () => {
  const odd = Buffer.concat([
    Buffer.from('# h\u00E9\r\nexport KEY = "v\u00FC"  # said\r\nOTHER=1\r\n'),
    Buffer.from([0xff, 0xfe]),
  ]);
  const path = envFile(odd);
  chmodSync(path, 0o640);
  const file = readEnvFile(path);
  assert.equal(file.assignments[0]?.value, 'v\u00FC');
  replaceFile(file, withoutValues(file, new Map([['KEY', 'my-key']])));
  const expected = Buffer.concat([
    Buffer.from('# h\u00E9\r\n# KEY is kept by Standin as my-key: standin run -s KEY=my-key -- COMMAND\r\nOTHER=1\r\n'),
    Buffer.from([0xff, 0xfe]),
  ]);
  assert.deepEqual(readFileSync(path), expected);
  assert.equal(statSync(path).mode & 0o777, 0o640);
});

test('a file that somebody changed meanwhile is left as it is', () => {
  const path = envFile('KEY=1\n');
  const file = readEnvFile(path);
  writeFileSync(path, 'KEY=2\n');
  assert.throws(() => replaceFile(file, Buffer.from('')), /has changed meanwhile/);
  assert.equal(readFileSync(path, 'utf8'), 'KEY=2\n');
});

test('what is recognised is stored, taken out of the file and bound, and no value is ever shown', async () => {
  const path = envFile(
    `A_ANTHROPIC_API_KEY="${anthropicKey}" # prod\nGITHUB_TOKEN=${githubKey}\nPORT=3000\nCRM_KEY=hunter2hunter2\n`,
  );
  const link = join(directory.path, 'linked.env');
  symlinkSync(path, link);
  const { code, stdout, stderr } = await standin(link, '--yes', '--bind');
  assert.equal(code, 0, stderr);
  for (const value of [anthropicKey, githubKey, 'hunter2', anthropicKey.slice(13, 20)]) {
    assert.equal((stdout + stderr).includes(value), false, 'no value on the screen');
  }
  assert.match(stdout, /A_ANTHROPIC_API_KEY +anthropic +sk-ant-api03-…, 108 characters/);
  assert.equal(
    readFileSync(path, 'utf8'),
    '# A_ANTHROPIC_API_KEY is kept by Standin as a-anthropic-api-key: standin run -s A_ANTHROPIC_API_KEY=a-anthropic-api-key -- COMMAND\n' +
      '# GITHUB_TOKEN is kept by Standin as github-token: standin run -s GITHUB_TOKEN=github-token -- COMMAND\n' +
      'PORT=3000\nCRM_KEY=hunter2hunter2\n',
  );
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const folder = join(path, '..');
  assert.deepEqual(readdirSync(folder).toSorted(), ['.env', '.standin.yaml']);
  assert.match(
    readFileSync(join(folder, '.standin.yaml'), 'utf8'),
    /secrets:\n {2}A_ANTHROPIC_API_KEY: a-anthropic-api-key\n {2}GITHUB_TOKEN: github-token\n/,
  );
  const stored = await server.client.secrets.get('a-anthropic-api-key');
  assert.equal(stored.provider_shortcut, 'anthropic');
});

test('--dry-run stores and writes nothing', async () => {
  const path = envFile(`OTHER_GITHUB_TOKEN=${githubKey}\n`);
  const { code, stdout } = await standin(path, '--dry-run', '--json');
  assert.equal(code, 0);
  assert.equal(stdout.includes(githubKey), false);
  assert.match(stdout, /"prefix": "ghp_"/);
  assert.equal(readFileSync(path, 'utf8'), `OTHER_GITHUB_TOKEN=${githubKey}\n`);
  await assert.rejects(server.client.secrets.get('other-github-token'));
});

test('one for a host of its own is stored by name; without a place to go it is refused with what to give', async () => {
  const path = envFile('WIKI_TOKEN=hunter2hunter2\n');
  const refused = await standin(path, '--only', 'WIKI_TOKEN');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /--provider WIKI_TOKEN=NAME or --host WIKI_TOKEN=HOST/);
  const { code, stderr } = await standin(path, '--only', 'WIKI_TOKEN', '--host', 'WIKI_TOKEN=wiki.example.com');
  assert.equal(code, 0, stderr);
  assert.deepEqual((await server.client.secrets.get('wiki-token')).hosts, ['wiki.example.com']);
});

test('what cannot be stored stays in the file, with the reason', async () => {
  const text = `GITHUB_TOKEN=${githubKey}\nTWICE_TOKEN=${githubKey}\nTWICE_TOKEN=${githubKey}x\n`;
  const path = envFile(text);
  const { code, stdout } = await standin(path, '--yes');
  assert.equal(code, 0);
  assert.match(stdout, /github-token is stored already; call it otherwise with --as/);
  assert.match(stdout, /assigned more than once, in lines 2 and 3/);
  assert.equal(readFileSync(path, 'utf8'), text);
});

test('where a later one is refused, what was stored is taken out all the same', async () => {
  const path = envFile(`FIRST_TOKEN=${githubKey}\nSECOND_KEY=${githubKey}\n`);
  const { code, stderr } = await standin(path, '--only', 'FIRST_TOKEN,SECOND_KEY', '--provider', 'SECOND_KEY=githb');
  assert.equal(code, 1);
  assert.match(stderr, /Did you mean github/);
  assert.match(readFileSync(path, 'utf8'), /^# FIRST_TOKEN is kept by Standin as first-token.*\nSECOND_KEY=ghp_/);
});

test('a file that git tracks is refused with what to do; one that git had once is warned of', async () => {
  const path = envFile(`TRACKED_TOKEN=${githubKey}\n`);
  const folder = join(path, '..');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-C', folder, ...args], {
      stdio: 'ignore',
    });
  git('init');
  git('add', '.env');
  const tracked = await standin(path, '--yes');
  assert.equal(tracked.code, 1);
  assert.match(tracked.stderr, /git tracks .*git rm --cached/);
  assert.equal(readFileSync(path, 'utf8').includes(githubKey), true);
  git('commit', '-m', 'x');
  git('rm', '--cached', '.env');
  const once = await standin(path, '--yes');
  assert.equal(once.code, 0, once.stderr);
  assert.match(once.stderr, /git has .* in its history/);
});

test('no program that the repository names is run', async () => {
  const path = envFile(`HOSTILE_TOKEN=${githubKey}\n`);
  const folder = join(path, '..');
  execFileSync('git', ['-C', folder, 'init'], { stdio: 'ignore' });
  const trap = join(folder, 'trap');
  writeFileSync(trap, `#!/bin/sh\ntouch '${folder}/ran'\n`, { mode: 0o755 });
  execFileSync('git', ['-C', folder, 'config', 'core.fsmonitor', trap]);
  assert.equal((await standin(path, '--yes')).code, 0);
  assert.equal(readdirSync(folder).includes('ran'), false);
});
