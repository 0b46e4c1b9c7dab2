import assert from 'node:assert/strict';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runCli } from '../../../src/cli/cli.ts';
import { processIo } from '../../../src/cli/io.ts';
import { freePort } from '../../support/ports.ts';
import { runProgram } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const harness = fileURLToPath(new URL('harness.ts', import.meta.url));
const directory = temporaryDirectory('cli');
const home = directory.path;
after(() => directory.remove());

const check = z.object({ verdict: z.string(), what: z.string(), found: z.string(), fix: z.string().nullable() });

function standin(args: string[], env: Record<string, string> = {}) {
  return runProgram(process.execPath, [harness, ...args], {
    env: { HOME: home, STANDIN_DATA_DIR: join(home, 'data'), ...env },
  });
}

test('a mistyped command is answered in one line with what was meant, and exit code 2', async () => {
  for (const [args, meant] of [
    [['secrt', 'list'], 'secret'],
    [['secret', 'crate', 'x'], 'create'],
    [['sandbox', 'atach', 'x', 'K=v'], 'attach'],
  ] as const) {
    const { code, stdout, stderr } = await standin([...args]);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(`^error: .*did you mean ${meant}\\?\\n$`));
  }
});

test('a mistyped option is answered with what was meant, and exit code 2', async () => {
  const { code, stderr } = await standin(['secret', 'list', '--jsn']);
  assert.equal(code, 2);
  assert.match(stderr, /^error: unknown option '--jsn'; did you mean --json\?\n$/);
});

test('an id that can be none, and a dry run that goes nowhere, are told as wrong usage', async () => {
  const row = await standin(['explain', 'abc']);
  assert.deepEqual([row.code, row.stdout], [2, '']);
  assert.match(row.stderr, /^error: abc is no id of a row; /);
  const dry = await standin(['secret', 'test', 'x', '--dry'], {
    STANDIN_URL: 'http://127.0.0.1:1',
    STANDIN_API_KEY: 'x',
  });
  assert.deepEqual([dry.code, dry.stderr], [2, 'error: --dry wants --url; say where the request goes\n']);
});

test('every command has help with examples and --json, on stdout with exit code 0', async () => {
  const groups = (await subcommands([])).filter((name) => name !== 'help');
  assert.deepEqual(
    groups.toSorted(),
    [
      'audit',
      'ca',
      'config',
      'demo',
      'doctor',
      'explain',
      'key',
      'provider',
      'run',
      'sandbox',
      'secret',
      'serve',
      'webhook',
    ].toSorted(),
  );
  const leavesBelow = async (path: string[]): Promise<string[][]> => {
    const below = (await subcommands(path)).filter((name) => name !== 'help');
    if (below.length === 0) return [path];
    return (await Promise.all(below.map((name) => leavesBelow([...path, name])))).flat();
  };
  const leaves = await Promise.all(groups.map((group) => leavesBelow([group])));
  for (const path of leaves.flat()) {
    const { code, stdout } = await help(path);
    assert.equal(code, 0, path.join(' '));
    assert.match(stdout, new RegExp(`^Usage: standin ${path.join(' ')}`), path.join(' '));
    assert.match(stdout, /\nExamples:\n {2}# \S.*\n {2}\$ \S/, path.join(' '));
    assert.match(stdout, /--json/, path.join(' '));
  }
});

test('a value given as an argument is refused with the reason, and not repeated', async () => {
  for (const args of [
    ['secret', 'create', 'k', 'sk-live-1234', '--provider', 'openai'],
    ['secret', 'create', 'k', '--value', 'sk-live-1234'],
    ['secret', 'create', 'k', '--value=sk-live-1234'],
    ['secret', 'rotate', 'k', 'sk-live-1234'],
  ]) {
    const { code, stdout, stderr } = await standin(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /^error: a value is never taken from an argument.*--from-stdin.*\n$/);
    assert.doesNotMatch(stdout + stderr, /sk-live-1234/);
  }
});

test('what contradicts itself or is missing is wrong usage, named with what to give', async () => {
  for (const [args, message] of [
    [['secret', 'create', 'k'], /--provider, or --host with --auth/],
    [['secret', 'create', 'k', '--host', 'a.example.com'], /--provider, or --host with --auth/],
    [['secret', 'create', 'k', '--provider', 'openai', '--host', 'a.example.com'], /leave out --auth/],
    [['secret', 'create', 'k', '--host', 'a.example.com', '--auth', 'bearer', '--header', 'X'], /--header is for/],
    [['secret', 'create', 'k', '--host', 'a.example.com', '--auth', 'api-key'], /one --header NAME/],
    [['secret', 'create', 'k', '--host', 'a.example.com', '--auth', 'custom', '--header', 'X'], /has no template/],
    [['secret', 'create', 'k', '--host', 'a.example.com', '--auth', 'digest'], /Allowed choices are bearer/],
    [['secret', 'audit', 'k', '--limit', '201'], /whole number from 1 to 200/],
    [['audit', 'verify', '--since', '7'], /must be ID:HASH/],
    [['sandbox', 'attach', 'id', 'KEY'], /KEY is not KEY=secret/],
    [['run'], /missing required argument 'command'/],
    [['run', '-s', 'KEY', '--', 'true'], /must be NAME=VALUE/],
    [['run', '--json', '--', 'true'], /leave out --json/],
    [['run', '--intercept', 'none', '--', 'true'], /Allowed choices are all, bound/],
  ] as const) {
    const { code, stderr } = await standin([...args], { STANDIN_URL: 'http://127.0.0.1:1', STANDIN_API_KEY: 'k' });
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /^error: [^\n]+\n$/);
    assert.match(stderr, message);
  }
});

test('run does not ask another machine to mount a path of this one', async () => {
  const env = { STANDIN_URL: 'https://standin.example.com', STANDIN_API_KEY: 'k' };
  const { code, stderr } = await standin(['run', '--', 'true'], env);
  assert.equal(code, 2);
  assert.match(stderr, /^error: https:\/\/standin\.example\.com is another machine[^\n]*; give --no-mount\n$/);
});

test('without a server the answer is one line that says how to start one, and exit code 1', async () => {
  const unknown = await standin(['secret', 'list']);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /^error: no server and key known; start one with `standin serve`[^\n]*\n$/);

  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const silent = await standin(['secret', 'list'], { STANDIN_URL: url, STANDIN_API_KEY: 'k' });
  assert.equal(silent.code, 1);
  assert.match(
    silent.stderr,
    new RegExp(`^error: no server answers at ${url}; start one with \`standin serve\`[^\n]*\n$`),
  );
});

test('every setting is a flag of serve, and reaches the server as it was typed', async () => {
  const { code, stdout } = await standin([
    'serve',
    '--config',
    '/etc/x.conf',
    '--api-listen',
    '[::1]:1',
    '--log-level',
    'warn',
  ]);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), { flags: { apiListen: '[::1]:1', logLevel: 'warn' }, file: '/etc/x.conf' });
});

test('serve warns that the process list shows a key given as a flag', async () => {
  const { stderr } = await standin(['serve', '--bootstrap-api-key', 'k'.repeat(20)]);
  assert.match(stderr, /^warning: the process list shows --bootstrap-api-key; better set STANDIN_BOOTSTRAP_API_KEY\n$/);
});

test('config prints every setting with where it came from, and neither key nor password', async () => {
  const { code, stdout } = await standin(['config', '--json'], {
    STANDIN_BOOTSTRAP_API_KEY: 'key-that-must-not-show',
    STANDIN_DATABASE_URL: 'postgres://standin:hunter2@db.example.com/standin',
  });
  assert.equal(code, 0);
  assert.doesNotMatch(stdout, /must-not-show|hunter2/);
  const rows = z.array(z.object({ name: z.string(), source: z.string() })).parse(JSON.parse(stdout));
  assert.equal(rows.find(({ name }) => name === 'STANDIN_DATABASE_URL')?.source, 'environment');
  assert.equal(rows.find(({ name }) => name === 'STANDIN_API_LISTEN')?.source, 'default');
});

test('a bad setting is one line that names it', async () => {
  const { code, stderr } = await standin(['config'], { STANDIN_EGRESS_WORKERS: 'many' });
  assert.equal(code, 1);
  assert.match(stderr, /^error: STANDIN_EGRESS_WORKERS: must be a whole number from 1 to 1024\n$/);
});

test('ca print says what makes the certificate where there is none', async () => {
  const { code, stderr } = await standin(['ca', 'print']);
  assert.equal(code, 1);
  assert.match(stderr, /^error: .*ca\.pem cannot be read \(ENOENT\); the first `standin serve` makes it[^\n]*\n$/);
});

test('doctor exits 1 where something fails, and says for each thing what to do', async () => {
  const { code, stdout } = await standin(['doctor', '--json'], { CLI_TEST_MISSING: 'bubblewrap' });
  assert.equal(code, 1);
  const checks = z.array(check).parse(JSON.parse(stdout));
  assert.deepEqual(
    checks.map(({ what, verdict }) => [what, verdict]),
    [
      ['node', 'ok'],
      ['sandboxes', 'warn'],
      ['data dir', 'warn'],
      ['server', 'fail'],
    ],
  );
  for (const { verdict, fix } of checks) assert.equal(fix === null, verdict === 'ok');
  assert.match(checks[1]?.fix ?? '', /install bubblewrap/);
});

test('colours are for terminals: neither a pipe nor NO_COLOR gets any', async () => {
  const { stdout } = await standin(['doctor']);
  assert.equal(stdout.includes('\u001b'), false);
});

/** The help of a command, without a process of its own. */
async function help(path: string[]): Promise<{ code: number; stdout: string }> {
  const stdout = new PassThrough({ encoding: 'utf8' });
  const deps = { version: '9.9.9', serve: () => Promise.resolve(), preflight: () => Promise.resolve([]) };
  const code = await runCli(['node', 'standin', ...path, '--help'], deps, { ...processIo(), stdout });
  return { code, stdout: String(stdout.read() ?? '') };
}

async function subcommands(path: string[]): Promise<string[]> {
  const { stdout } = await help(path);
  const [, list = ''] = stdout.split('\nCommands:\n');
  return [...list.matchAll(/^ {2}([a-z]+)/gm)].map((match) => match[1] ?? '');
}
