import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createClient } from '../../../src/client/client.ts';
import { postgresMissing, startPostgres } from '../../support/postgres.ts';
import { startProgram, waitUntil } from '../../support/processes.ts';
import type { ProgramOptions } from '../../support/processes.ts';
import { startStandin } from '../../support/standin-server.ts';
import { canMakeTerminals, startOnTerminal } from './terminal.ts';
import { binary, startCommandLine } from './command-line.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const needsTerminal = { skip: canMakeTerminals() ? false : 'needs script(1) of util-linux' };
const commandLine = await startCommandLine('cli-run');
const { server, cwd, environment, run: standin } = commandLine;
after(() => commandLine.stop());
before(async () => {
  const stored = await standin(['secret', 'create', 'anthropic-prod', '--provider', 'anthropic', '-'], {
    input: 'sk-ant-real',
  });
  assert.equal(stored.code, 0, stored.stderr);
});

function sandboxes() {
  return server.client.sandboxes.list();
}

test('a secret goes through its whole life from the command line, and no answer holds its value', async () => {
  const said: string[] = [];
  const run = async (args: string[], options: ProgramOptions = {}) => {
    const { code, stdout, stderr } = await standin(args, options);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    said.push(stdout, stderr);
    return stdout;
  };
  await run(
    [
      'secret',
      'create',
      'crm',
      '--host',
      'crm.example.com',
      '--auth',
      'api-key',
      '--header',
      'X-Key',
      '--prefix',
      'k ',
      '--from-stdin',
    ],
    {
      input: 'value-one\n',
    },
  );
  const got = z
    .object({ auth_config: z.record(z.string(), z.unknown()) })
    .parse(JSON.parse(await run(['secret', 'get', 'crm', '--json'])));
  assert.deepEqual(got.auth_config, { type: 'api-key', header: 'X-Key', prefix: 'k ' });
  await run(['secret', 'rotate', 'crm', '--from-env', 'NEXT'], { env: { NEXT: 'value-two' } });
  assert.match(await run(['secret', 'list']), /^crm +api-key +crm\.example\.com/m);
  await run(['secret', 'audit', 'crm', '--json']);
  await run(['secret', 'sandboxes', 'crm', '--json']);
  await run(['secret', 'delete', 'crm']);
  assert.equal((await standin(['secret', 'get', 'crm'])).code, 1);
  assert.doesNotMatch(said.join(''), /value-one|value-two/);
});

test('the audit trail is verified in plain words, exits 1 where it was edited, and says where', async (t) => {
  const { key } = await createClient({ baseUrl: server.url, apiKey: server.apiKey }).keys.create({ name: 'user' });
  const user = await standin(['audit', 'verify'], { env: { STANDIN_API_KEY: key } });
  assert.equal(user.code, 1);
  assert.match(user.stderr, /^error: the audit trail is verified with an operator key/);
  const whole = await standin(['audit', 'verify']);
  assert.equal(whole.code, 0, whole.stderr);
  const [, end = ''] = /^end: (\d+:[0-9a-f]{64})$/m.exec(whole.stdout) ?? [];
  assert.equal((await standin(['audit', 'verify', '--since', end])).code, 0);
  const database = new DatabaseSync(join(server.dataDir, 'standin.db'), { timeout: 5000 });
  t.after(() => {
    database.exec('update audit_head set last_id = last_id - 3');
    database.close();
  });
  database.exec('update audit_head set last_id = last_id + 3');
  const { code, stdout } = await standin(['audit', 'verify']);
  assert.equal(code, 1);
  assert.match(stdout, /^broken: the end of the trail is missing, from event \d+ on$/m);
  const { broken } = z
    .object({ broken: z.object({ how: z.string() }) })
    .parse(JSON.parse((await standin(['audit', 'verify', '--json'])).stdout));
  assert.equal(broken.how, 'cut_off');
});

test('a refusal of the server is one line with its own words', async () => {
  const { code, stderr } = await standin(['secret', 'create', 'x', '--provider', 'anthropc', '-'], { input: 'v' });
  assert.equal(code, 1);
  assert.match(stderr, /^error: provider[^\n]*anthropic[^\n]*\n$/);
});

test('a key that the server does not take is named by where it came from', async () => {
  const { code, stderr } = await standin(['secret', 'list'], { env: { STANDIN_API_KEY: 'wrong-key-of-some-length' } });
  assert.equal(code, 1);
  assert.match(stderr, /^error: \S+ does not take the key in STANDIN_API_KEY; put a live key into STANDIN_API_KEY\n$/);
  assert.doesNotMatch(stderr, /wrong-key/);
});

test('an API key can be made, used and revoked', async () => {
  const made = await standin(['key', 'create', 'ci']);
  assert.match(made.stdout, /^\S{20,}\n$/);
  const env = { STANDIN_API_KEY: made.stdout.trim() };
  assert.equal((await standin(['secret', 'list'], { env })).code, 0);
  const [, id = ''] = /\(([0-9a-f-]{36})\)/.exec(made.stderr) ?? [];
  assert.equal((await standin(['key', 'revoke', id])).code, 0);
  assert.equal((await standin(['secret', 'list'], { env })).code, 1);
});

test('doctor finds nothing to fail on a server that runs', async () => {
  const { code, stdout } = await standin(['doctor'], {
    env: { STANDIN_DATA_DIR: server.dataDir, STANDIN_PROXY_LISTEN: `127.0.0.1:${server.proxyPort}` },
  });
  assert.equal(code, 0, stdout);
  for (const what of ['server', 'clock', 'API key', 'egress proxy'])
    assert.match(stdout, new RegExp(`^ok +${what}`, 'm'));
});

test('doctor finds a PostgreSQL that answers, and prints no password', { skip: await postgresMissing() }, async () => {
  const postgres = await startPostgres();
  try {
    const { stdout } = await standin(['doctor'], { env: { STANDIN_DATABASE_URL: await postgres.freshUrl() } });
    assert.match(stdout, /^ok +PostgreSQL +\S+ answers, version \d+/m);
  } finally {
    await postgres.stop();
  }
});

test('ca print prints the certificate and never the key', async () => {
  const { stdout } = await standin(['ca', 'print'], { env: { STANDIN_DATA_DIR: server.dataDir } });
  assert.match(stdout, /^-----BEGIN CERTIFICATE-----[^]*-----END CERTIFICATE-----\n$/);
  assert.doesNotMatch(stdout, /PRIVATE/);
});

test('run has the directory at its own path, a stand-in for the key, the exit code, and leaves no sandbox', async () => {
  const line = 'pwd; echo "$KEY"; echo new > made; exit 7';
  const { code, stdout, stderr } = await standin([
    'run',
    '-s',
    'KEY=anthropic-prod',
    '-e',
    'X=1',
    '--',
    'sh',
    '-c',
    line,
  ]);
  assert.equal(code, 7, stderr);
  const [path, key] = stdout.split('\n');
  assert.equal(path, cwd);
  assert.match(key ?? '', /^sk-ant-api03-standin/);
  assert.equal(readFileSync(join(cwd, 'made'), 'utf8'), 'new\n');
  assert.equal(statSync(join(cwd, 'made')).uid, statSync(cwd).uid);
  assert.deepEqual(await sandboxes(), []);
});

test('run says what to do where this directory cannot be mounted: the keys are in it, or the program of the server', async () => {
  for (const [place, words] of [
    [server.dataDir, /the data directory.*go to the directory of a project, or give --no-mount/],
    [repository, /the server's own program.*go to the directory of a project, or give --no-mount/],
  ] as const) {
    const { code, stderr } = await standin(['run', '--no-project', '--', 'true'], { cwd: place });
    assert.equal(code, 1);
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /mounts\.0/);
  }
  assert.equal((await standin(['run', '--read-only', '--', 'true'], { cwd: repository })).code, 0);
});

test('run --read-only lets the command read here and not write; --no-mount shows it nothing', async () => {
  writeFileSync(join(cwd, 'seen'), 'there\n');
  const readOnly = await standin(['run', '--read-only', '--', 'sh', '-c', 'cat seen; echo x > unwanted']);
  assert.match(readOnly.stdout, /there/);
  assert.notEqual(readOnly.code, 0);
  const none = await standin(['run', '--no-mount', '--', 'sh', '-c', `ls '${cwd}'`]);
  assert.notEqual(none.code, 0);
  assert.doesNotMatch(none.stdout, /seen/);
});

test('run passes every byte both ways, and the end of the input', async () => {
  const bytes = randomBytes(3_000_000).toString('base64');
  const { code, stdout } = await standin(['run', '--', 'cat'], { input: bytes });
  assert.equal(code, 0);
  assert.equal(createHash('sha256').update(stdout).digest('hex'), createHash('sha256').update(bytes).digest('hex'));
});

test('run keeps stdout and stderr apart', async () => {
  const { stdout, stderr } = await standin(['run', '--', 'sh', '-c', 'echo out; echo err >&2']);
  assert.deepEqual([stdout, stderr], ['out\n', 'err\n']);
});

test('a command that is not there is 127, one that a signal ended 128 and its number', async () => {
  assert.equal((await standin(['run', '--', 'no-such-command'])).code, 127);
  assert.equal((await standin(['run', '--', 'sh', '-c', 'kill -KILL $$'])).code, 137);
});

test('a signal to run reaches the command, and the sandbox is removed', async () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const program = await startProgram(binary, ['run', '--', 'sh', '-c', 'echo started; exec sleep 1000'], {
      cwd,
      env: environment,
    });
    await program.waitForOutput(/started/);
    assert.deepEqual(await program.stop(signal), { code, signal: null });
    assert.deepEqual(await sandboxes(), []);
  }
});

test('a command that handles the signal goes on and ends by its own code', async () => {
  const line = 'trap "echo caught; exit 3" INT; echo started; while :; do sleep 0.05; done';
  const program = await startProgram(binary, ['run', '--', 'sh', '-c', line], { cwd, env: environment });
  await program.waitForOutput(/started/);
  assert.deepEqual(await program.stop('SIGINT'), { code: 3, signal: null });
  assert.match(program.stdout(), /caught/);
});

test('a signal while the sandbox is being made leaves none behind', async () => {
  const program = await startProgram(binary, ['run', '--', 'sleep', '1000'], { cwd, env: environment });
  await waitUntil(async () => (await sandboxes()).length > 0, { what: 'the sandbox to be made' });
  assert.deepEqual(await program.stop('SIGINT'), { code: 130, signal: null });
  assert.deepEqual(await sandboxes(), []);
});

test('on a terminal the command has one of the same size, and Ctrl-C is its own', needsTerminal, async () => {
  const line =
    'trap "echo interrupted; exit 5" INT; stty size; test -t 0 && test -t 1 && echo terminal; while :; do sleep 0.05; done';
  const session = startOnTerminal([binary, 'run', '--no-mount', '--', 'sh', '-c', line], environment);
  await session.waitFor(/30 100\s+terminal/);
  session.type('\u0003');
  assert.equal(await session.ended, 5, session.shown());
  assert.match(session.shown(), /interrupted/);
});

test('the terminal inside follows the size of the one outside', needsTerminal, async () => {
  // stty sets one after the other: the first change is told of before the second is made.
  const line = 'trap "stty size" WINCH; echo started; while :; do sleep 0.05; done';
  const session = startOnTerminal(
    ['sh', '-c', 'tty; exec "$@"', 'sh', binary, 'run', '--no-mount', '--', 'sh', '-c', line],
    environment,
  );
  await session.waitFor(/started/);
  const [pts = ''] = /\/dev\/pts\/\d+/.exec(session.shown()) ?? [];
  execFileSync('stty', ['-F', pts, 'columns', '57', 'rows', '21']);
  await session.waitFor(/21 57/);
  session.type('\u0003');
  await session.ended;
});

test('--driver external runs the command here, with the stand-in in place of the real key, and says so', async () => {
  const { code, stdout, stderr } = await standin(
    [
      'run',
      '--driver',
      'external',
      '-s',
      'KEY=anthropic-prod',
      '--',
      'sh',
      '-c',
      'echo "$KEY"; test -r "$SSL_CERT_FILE" && echo trust; env; exit 9',
    ],
    {
      env: { KEY: 'the-real-one' },
    },
  );
  assert.equal(code, 9);
  assert.match(stdout, /^sk-ant-api03-standin\S+\ntrust\n/);
  assert.doesNotMatch(stdout, /the-real-one/);
  assert.ok(!stdout.includes(server.apiKey));
  assert.match(stderr, /nothing isolates it/);
  assert.deepEqual(await sandboxes(), []);
});

test('where the server runs no sandboxes, nothing is run without isolation that was not asked for', async () => {
  const other = await startStandin({ env: { STANDIN_SANDBOX_DRIVER: 'external' } });
  try {
    const env = { STANDIN_URL: other.url, STANDIN_API_KEY: other.apiKey };
    const { code, stdout, stderr } = await standin(['run', '--no-mount', '--', 'echo', 'ran'], { env });
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^error: the server runs no sandboxes of its own; `--driver external`[^\n]*\n$/);
    const left = await standin(['sandbox', 'list', '--json'], { env });
    assert.deepEqual(JSON.parse(left.stdout), []);
  } finally {
    await other.stop();
  }
});
