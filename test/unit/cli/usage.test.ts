import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { makeAuthority } from '../../support/certificates.ts';
import { freePort, listenOnLoopback } from '../../support/ports.ts';
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
  assert.deepEqual(JSON.parse(stdout), {
    flags: { apiListen: '[::1]:1', logLevel: 'warn' },
    file: '/etc/x.conf',
    json: false,
  });
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
    checks.map(({ what }) => what),
    [
      'node',
      ...(process.platform === 'linux' ? ['kernel', 'user namespaces', 'cgroups', 'nf_tables', 'gvisor'] : ['kernel']),
      'sandboxes',
      'data dir',
      'disk',
      'PostgreSQL',
      'server',
      'ports',
      'CA trust',
    ],
  );
  const verdicts = new Map(checks.map(({ what, verdict }) => [what, verdict]));
  assert.deepEqual(
    ['node', 'sandboxes', 'data dir', 'PostgreSQL', 'server', 'CA trust'].map((what) => verdicts.get(what)),
    ['ok', 'warn', 'warn', 'skip', 'fail', 'skip'],
  );
  for (const { verdict, fix } of checks) assert.equal(fix === null, verdict === 'ok' || verdict === 'skip');
  assert.match(checks.find(({ what }) => what === 'sandboxes')?.fix ?? '', /install bubblewrap/);
});

test('doctor says of gVisor what is missing: a failure where it was chosen, a warning where it is there, else nothing', async () => {
  const onLinux = process.platform === 'linux';
  for (const [missing, driver, expected] of [
    [undefined, undefined, 'ok'],
    ['runsc is not installed', undefined, 'skip'],
    ['runsc runs no program here', undefined, 'warn'],
    ['runsc is not installed', 'gvisor', 'fail'],
  ] as const) {
    const { stdout } = await standin(['doctor', '--json'], {
      ...(missing === undefined ? {} : { CLI_TEST_GVISOR_MISSING: missing }),
      ...(driver === undefined ? {} : { STANDIN_SANDBOX_DRIVER: driver }),
    });
    const found = z
      .array(check)
      .parse(JSON.parse(stdout))
      .find(({ what }) => what === 'gvisor');
    assert.equal(found?.verdict, onLinux ? expected : undefined);
    if (onLinux && (expected === 'warn' || expected === 'fail')) assert.match(found?.fix ?? '', /^install runsc/);
  }
});

test('colours are for terminals: neither a pipe nor NO_COLOR gets any', async () => {
  const { stdout } = await standin(['doctor']);
  assert.equal(stdout.includes('\u001b'), false);
});

test('doctor names a port that somebody else has, a database that does not answer, and a shell without trust', async () => {
  const other = createServer((socket) => socket.end());
  const port = await listenOnLoopback(other);
  const password = 'the-password-of-it';
  try {
    const { code, stdout } = await standin(['doctor', '--json'], {
      STANDIN_API_LISTEN: `127.0.0.1:${port}`,
      STANDIN_PROXY_LISTEN: '127.0.0.1:9',
      STANDIN_DATABASE_URL: `postgres://me:${password}@127.0.0.1:1/standin`,
      HTTPS_PROXY: 'http://x@127.0.0.1:9',
    });
    assert.equal(code, 1);
    assert.equal(stdout.includes(password), false);
    const checks = z.array(check).parse(JSON.parse(stdout));
    const of = (what: string) => checks.find((each) => each.what === what);
    assert.match(of('ports')?.found ?? '', new RegExp(`127.0.0.1:${port} is taken`));
    assert.match(of('ports')?.fix ?? '', /^find it: ss -ltnp/);
    assert.equal(of('PostgreSQL')?.verdict, 'fail');
    assert.match(of('PostgreSQL')?.found ?? '', /127\.0\.0\.1:1\/standin: .*ECONNREFUSED/);
    assert.equal(of('CA trust')?.verdict, 'skip', 'there is no certificate here yet');
  } finally {
    other.close();
  }
});

test('doctor says which programs of a shell that uses the proxy do not trust its CA, and how they would', async () => {
  const dataDir = join(home, 'with-ca');
  mkdirSync(dataDir, { mode: 0o700 });
  writeFileSync(join(dataDir, 'ca.pem'), makeAuthority().certPem);
  const bundle = join(home, 'bundle.pem');
  writeFileSync(bundle, makeAuthority('Another').certPem + readFileSync(join(dataDir, 'ca.pem'), 'utf8'));
  const env = { STANDIN_DATA_DIR: dataDir, STANDIN_PROXY_LISTEN: '127.0.0.1:9', HTTPS_PROXY: 'http://x@127.0.0.1:9' };
  const trust = async (more: Record<string, string>) => {
    const { stdout } = await standin(['doctor', '--json'], { ...env, ...more });
    return z
      .array(check)
      .parse(JSON.parse(stdout))
      .find(({ what }) => what === 'CA trust');
  };
  assert.match((await trust({ SSL_CERT_FILE: bundle }))?.found ?? '', /not trusted by way of NODE_EXTRA_CA_CERTS/);
  const lines = await standin(['ca', 'env', '--json'], env);
  const all = z.record(z.string(), z.string()).parse(JSON.parse(lines.stdout));
  assert.equal((await trust(all))?.verdict, 'ok', 'after what it says to do');
});

test('ca install says what it would do, by the certificate’s fingerprint, and does nothing', async () => {
  const { code, stdout, stderr } = await standin(['ca', 'install', '--dry-run'], {
    STANDIN_DATA_DIR: join(home, 'with-ca'),
  });
  assert.equal(code, 0, stderr);
  const [, file = ''] =
    /^would write (\S+) \(CN=Throw-away test CA, SHA-256 [0-9a-f]{64}\)\nwould run /.exec(stdout) ?? [];
  assert.match(file, /^\/usr\/local\/share\/ca-certificates\/standin-[0-9a-f]{16}\.crt$/);
  assert.equal(existsSync(file), false);
});
