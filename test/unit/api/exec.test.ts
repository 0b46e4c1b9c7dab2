import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { ApiError } from '../../../src/client/errors.ts';
import type { SandboxWithAccess } from '../../../src/client/client.ts';
import { dataPlane } from '../../support/file-api.ts';
import { bearerSecret, eventually, send, startServer } from './harness.ts';
import type { Server } from './harness.ts';
import { groupAlive } from './process-driver.ts';

test('a command is run to its end: both streams, the exit code, arguments, variables and directory', async (t) => {
  const { client } = await startServer(t);
  await client.secrets.create(bearerSecret);
  const sandbox = await client.sandboxes.create({
    name: 'box',
    secrets: { KEY: bearerSecret.name },
    env_vars: { A: 'own' },
  });
  assert.deepEqual(await client.exec(sandbox, { command: 'printf out; printf err >&2; exit 7' }), {
    stdout: 'out',
    stderr: 'err',
    exit_code: 7,
    truncated: false,
  });
  const { stdout } = await client.exec(sandbox, {
    command: 'sh',
    args: ['-c', 'echo "$0 $A $B"; pwd; echo "$KEY"', 'a b'],
    env: { B: 'asked' },
    working_dir: '/usr',
  });
  assert.equal(stdout, `a b own asked\n/usr\n${sandbox.egress.env['KEY']}\n`);
  assert.doesNotMatch(stdout, new RegExp(bearerSecret.value));
});

test('standard input is at its end, and a signal is 128 and its number', async (t) => {
  const { client } = await startServer(t);
  const sandbox = await client.sandboxes.create({ name: 'box' });
  assert.equal((await client.exec(sandbox, { command: 'cat' })).exit_code, 0);
  assert.equal((await client.exec(sandbox, { command: 'kill -TERM $$' })).exit_code, 143);
});

test('a command over its time is killed with all that it started, and exits 124 with what it said', async (t) => {
  const { client, driver } = await startServer(t);
  const sandbox = await client.sandboxes.create({ name: 'box' });
  const result = await client.exec(sandbox, {
    command: 'echo begun; trap "" TERM; sleep 300 & sleep 300',
    timeout_s: 1,
  });
  assert.equal(result.exit_code, 124);
  assert.equal(result.stdout, 'begun\n');
  const [pid] = driver.started;
  assert.ok(pid !== undefined);
  await eventually(() => !groupAlive(pid), 'the group is gone');
});

test('when the caller goes away, what it started is killed', async (t) => {
  const server = await startServer(t);
  const sandbox = await server.client.sandboxes.create({ name: 'box' });
  const request = httpRequest({
    port: server.port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/exec',
    headers: { ...dataPlane(sandbox), 'content-type': 'application/json' },
  });
  request.on('error', () => undefined);
  request.end(JSON.stringify({ command: 'sleep 300' }));
  await eventually(() => server.driver.started.length === 1, 'the command runs');
  const [pid] = server.driver.started;
  assert.ok(pid !== undefined && groupAlive(pid));
  request.destroy();
  await eventually(() => !groupAlive(pid), 'the group is gone');
});

test('when the server stops, a running command is ended and its caller told', async (t) => {
  const server = await startServer(t);
  const sandbox = await server.client.sandboxes.create({ name: 'box' });
  const result = server.client.exec(sandbox, { command: 'sleep 300' });
  await eventually(() => server.driver.started.length === 1, 'the command runs');
  await server.close();
  // No refusal: official clients would take one for a command that was not begun, and run it again.
  const { exit_code: code, stderr } = await result;
  assert.equal(code, 137);
  assert.match(stderr, /the server is stopping/);
});

test('a process left behind with the output open does not keep the answer', async (t) => {
  const { client } = await startServer(t);
  const sandbox = await client.sandboxes.create({ name: 'box' });
  const result = await client.exec(sandbox, { command: 'sleep 300 & echo started', timeout_s: 60 });
  assert.deepEqual(result, { stdout: 'started\n', stderr: '', exit_code: 0, truncated: false });
});

test('output is kept to 4 MiB in all, cut between characters, and the command still ends', async (t) => {
  const { client } = await startServer(t);
  const sandbox = await client.sandboxes.create({ name: 'box' });
  const euros = await client.exec(sandbox, { command: "yes '€€€€€€€€€' | head -c 6000000; echo end" });
  assert.equal(euros.truncated, true);
  assert.equal(euros.exit_code, 0);
  assert.ok(!euros.stdout.includes('\ufffd'));
  const most = 4 * 1_048_576;
  const size = Buffer.byteLength(euros.stdout);
  assert.ok(size <= most && size > most - 4, String(size));
  const exact = await client.exec(sandbox, { command: `head -c ${most} /dev/zero | tr "\\0" x` });
  assert.equal(exact.truncated, false);
  assert.equal(exact.stdout.length, most);
});

test('an answer is no longer than the official clients take, whatever it must be escaped to', async (t) => {
  const { client } = await startServer(t);
  const sandbox = await client.sandboxes.create({ name: 'box' });
  const { stdout, truncated } = await client.exec(sandbox, { command: 'head -c 4000000 /dev/zero' });
  assert.equal(truncated, true);
  assert.ok(JSON.stringify(stdout).length < 10 * 1_048_576);
  assert.ok(stdout.length >= 1_000_000);
});

test('bytes that are no UTF-8 are replaced, a byte order mark is kept', async (t) => {
  const { client } = await startServer(t);
  const sandbox = await client.sandboxes.create({ name: 'box' });
  const { stdout } = await client.exec(sandbox, { command: String.raw`printf '\357\273\277a\377b'` });
  assert.equal(stdout, '\ufeffa\ufffdb');
});

test('a command that cannot start, or runs elsewhere, is refused with a reason', async (t) => {
  const { client } = await startServer(t);
  const external = await client.sandboxes.create({ name: 'elsewhere', driver: 'external' });
  await assert.rejects(
    client.exec(external, { command: 'true' }),
    (error) => error instanceof ApiError && error.status === 409 && error.code === 'conflict',
  );
});

const badRequests: [what: string, body: Record<string, unknown>, message: RegExp][] = [
  ['no command', {}, /^command: is required/],
  ['an empty command', { command: '' }, /^command: must be 1 to/],
  ['a command with NUL', { command: 'a\0b' }, /^command: must be .* without NUL/],
  ['arguments that are a string', { command: 'a', args: 'b' }, /^args: must be an array, not a string/],
  ['an argument that is a number', { command: 'a', args: [1] }, /^args\.0: must be a string/],
  ['a variable that cannot be', { command: 'a', env: { 'A=B': 'c' } }, /^env\.A=B: the name must be/],
  ['a time of nothing', { command: 'a', timeout_s: 0 }, /^timeout_s: must be a whole number from 1 to 86400/],
  ['a terminal', { command: 'a', tty: { columns: 80, rows: 24 } }, /^unknown field "tty"/],
  ['a directory that is empty', { command: 'a', working_dir: '' }, /^working_dir: must be 1 to 4096/],
];

test('a bad exec request is 400 that names the field, and nothing is run', async (t) => {
  const server = await startServer(t);
  const sandbox = await server.client.sandboxes.create({ name: 'box' });
  for (const [what, body, message] of badRequests) {
    const error = await execError(server, sandbox, body);
    assert.equal(error.code, 'bad_request', what);
    assert.match(error.message, message, what);
  }
  assert.deepEqual(server.driver.started, []);
});

async function execError(server: Server, sandbox: SandboxWithAccess, body: unknown) {
  return (await send(server, 'POST', { path: '/exec', headers: dataPlane(sandbox), body })).error();
}
