import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import type { ExecConnection } from '../../../src/client/exec-connection.ts';
import { ApiError, ConnectionError } from '../../../src/client/errors.ts';
import { createClient } from '../../../src/client/client.ts';
import type { SandboxWithAccess } from '../../../src/client/client.ts';
import { execOutcome } from '../../../src/contract/schemas/exec.ts';
import { dataPlane } from '../../support/file-api.ts';
import { dataplaneDomain, eventually, keyed, send, sendRaw, startServer } from './harness.ts';
import type { Server } from './harness.ts';
import { groupAlive } from './process-driver.ts';

async function startBox(t: TestContext): Promise<{ server: Server; sandbox: SandboxWithAccess }> {
  const server = await startServer(t);
  return { server, sandbox: await server.client.sandboxes.create({ name: 'box' }) };
}

/** Everything that a command said, and its exit code. */
async function outcome(connection: ExecConnection): Promise<{ stdout: string; stderr: string; code: number }> {
  const heard = { stdout: '', stderr: '' };
  connection.onOutput((stream, chunk) => {
    heard[stream] += chunk.toString('utf8');
  });
  return { code: await connection.exit, ...heard };
}

/** A WebSocket as the official SDKs open it. */
function open(
  server: Server,
  { protocols, headers = {}, host }: { protocols: string[]; headers?: Record<string, string>; host?: string },
): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${server.port}/exec/connect`, protocols, {
    headers: { ...headers, ...(host === undefined ? {} : { host }) },
  });
}

function sdkSocket(server: Server, sandbox: SandboxWithAccess): WebSocket {
  return open(server, {
    protocols: ['superserve.exec.v1', `token.${sandbox.access_token}`],
    host: `boxd-${sandbox.id}.${dataplaneDomain}`,
  });
}

function refusedHandshake(socket: WebSocket): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    socket.once('unexpected-response', (_request, response) => resolve(response));
    socket.once('error', reject);
  });
}

test('the frames are those of the contract, byte for byte, as the official SDKs speak them', async (t) => {
  const { server, sandbox } = await startBox(t);
  const socket = sdkSocket(server, sandbox);
  const frames: (string | Buffer)[] = [];
  socket.on('message', (data: Buffer, isBinary) => frames.push(isBinary ? data : data.toString()));
  await once(socket, 'open');
  assert.equal(socket.protocol, 'superserve.exec.v1');
  socket.send(
    JSON.stringify({ command: 'read line; printf "got %s" "$line"; cat >/dev/null; printf oops >&2; exit 3' }),
  );
  socket.send(Buffer.from([0, ...Buffer.from('hi\n')]));
  await eventually(() => frames.length === 1, 'the command answers');
  assert.deepEqual(frames[0], Buffer.from([1, ...Buffer.from('got hi')]));
  socket.send('{"type":"stdin_close"}');
  assert.equal((await once(socket, 'close'))[0], 1000);
  assert.deepEqual(frames.slice(1, -1), [Buffer.from([2, ...Buffer.from('oops')])]);
  assert.deepEqual(JSON.parse(String(frames.at(-1))), { exit_code: 3, finished: true });
});

test('a browser, which can set no header, names the sandbox in a subprotocol', async (t) => {
  const { server, sandbox } = await startBox(t);
  const other = await server.client.sandboxes.create({ name: 'other' });
  const token = `token.${sandbox.access_token}`;
  const socket = open(server, { protocols: ['superserve.exec.v1', token, `sandbox.${sandbox.id}`] });
  await once(socket, 'open');
  assert.equal(socket.protocol, 'superserve.exec.v1');
  socket.send(JSON.stringify({ command: 'exit 7' }));
  const [data]: Buffer[] = await once(socket, 'message');
  assert.deepEqual(JSON.parse(String(data)), { exit_code: 7, finished: true });
  for (const named of [other.id, 'nothing']) {
    const refused = open(server, { protocols: ['superserve.exec.v1', token, `sandbox.${named}`] });
    assert.equal((await refusedHandshake(refused)).statusCode, 401, named);
  }
  const twice = open(server, {
    protocols: ['superserve.exec.v1', token, `sandbox.${other.id}`],
    host: `boxd-${sandbox.id}.${dataplaneDomain}`,
  });
  assert.equal((await refusedHandshake(twice)).statusCode, 400, 'host and subprotocol name different ones');
});

test('input sent together with the request, before the command runs, is not lost', async (t) => {
  const { server, sandbox } = await startBox(t);
  const connection = await server.client.execConnect(sandbox, { command: 'cat; echo err >&2; exit 5' });
  connection.stdin.write('one ');
  connection.stdin.end('two');
  assert.deepEqual(await outcome(connection), { stdout: 'one two', stderr: 'err\n', code: 5 });
});

test('a signal reaches the whole process group, and the exit code tells of it', async (t) => {
  const { server, sandbox } = await startBox(t);
  const trapped = await server.client.execConnect(sandbox, {
    command: 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.05; done',
  });
  let heard = '';
  trapped.onOutput((_stream, chunk) => {
    heard += chunk.toString();
    if (heard === 'ready\n') trapped.signal('SIGINT');
  });
  assert.equal(await trapped.exit, 9);
  assert.equal(heard, 'ready\ncaught\n');
  const plain = await server.client.execConnect(sandbox, { command: 'echo ready; sleep 300 & wait' });
  plain.onOutput(() => plain.signal('SIGTERM'));
  assert.equal(await plain.exit, 143);
  for (const pid of server.driver.started) await eventually(() => !groupAlive(pid), 'the group is gone');
});

test('the terminal has the size that was asked for, and follows a resize', async (t) => {
  const { server, sandbox } = await startBox(t);
  const connection = await server.client.execConnect(sandbox, {
    command: 'echo "$COLUMNS $LINES"; read resized; echo "$resized"',
    tty: { columns: 100, rows: 30 },
  });
  let heard = '';
  connection.onOutput((_stream, chunk) => {
    heard += chunk.toString();
    if (heard === '100 30\n') connection.resize({ columns: 120, rows: 40 });
  });
  assert.equal(await connection.exit, 0);
  assert.equal(heard, '100 30\nresized 120x40\n');
});

test('without timeout_s a command takes its time; with it, it is killed and exits 124', async (t) => {
  const { server, sandbox } = await startBox(t);
  const connection = await server.client.execConnect(sandbox, { command: 'echo begun; sleep 300', timeout_s: 1 });
  assert.deepEqual(await outcome(connection), { stdout: 'begun\n', stderr: '', code: 124 });
});

test('megabytes go through both ways unchanged while the reader is slow', async (t) => {
  const { server, sandbox } = await startBox(t);
  const connection = await server.client.execConnect(sandbox, { command: 'cat' });
  const sent = createHash('sha256');
  const got = createHash('sha256');
  let size = 0;
  connection.onOutput(async (_stream, chunk) => {
    got.update(chunk);
    size += chunk.length;
    await new Promise((resolve) => setImmediate(resolve));
  });
  for (let i = 0; i < 128; i++) {
    const block = Buffer.alloc(64 * 1024, i);
    sent.update(block);
    if (!connection.stdin.write(block)) await once(connection.stdin, 'drain');
  }
  connection.stdin.end();
  assert.equal(await connection.exit, 0);
  assert.equal(size, 8 * 1024 * 1024);
  assert.equal(got.digest('hex'), sent.digest('hex'));
});

test('a reader that stops holds the command back instead of filling the memory', async (t) => {
  const { server, sandbox } = await startBox(t);
  const connection = await server.client.execConnect(sandbox, {
    command: 'yes | head -c 100000000 >&1; echo done >&2',
  });
  const gate = Promise.withResolvers<void>();
  let size = 0;
  connection.onOutput(async (_stream, chunk) => {
    size += chunk.length;
    await gate.promise;
  });
  await eventually(() => size > 0, 'output comes');
  const [pid] = server.driver.started;
  assert.ok(pid !== undefined);
  const taken = await settled(() => server.driver.outputRead);
  assert.ok(taken < 20_000_000, `${taken} bytes of 100,000,000 were taken for a reader of ${size}`);
  assert.ok(groupAlive(pid), 'the command waits');
  gate.resolve();
  assert.equal(await connection.exit, 0);
  assert.equal(size, 100_000_005);
});

test('a command that does not read holds its writer back', async (t) => {
  const { server, sandbox } = await startBox(t);
  const connection = await server.client.execConnect(sandbox, { command: 'read go; cat | wc -c' });
  const block = Buffer.alloc(64 * 1024, 'x');
  let blocked = false;
  for (let i = 0; i < 2000 && !blocked; i++) {
    if (connection.stdin.write(block)) continue;
    blocked = await Promise.race([
      once(connection.stdin, 'drain').then(() => false),
      new Promise<true>((resolve) => setTimeout(() => resolve(true), 500)),
    ]);
  }
  assert.ok(blocked, '128 MB were taken by nobody');
  connection.close();
  connection.onOutput(() => undefined);
  await assert.rejects(connection.exit, ConnectionError);
});

test('when the client goes away, what it started is killed', async (t) => {
  const { server, sandbox } = await startBox(t);
  const connection = await server.client.execConnect(sandbox, { command: 'trap "" HUP TERM; echo up; sleep 300' });
  const up = Promise.withResolvers<void>();
  connection.onOutput(() => up.resolve());
  await up.promise;
  const [pid] = server.driver.started;
  assert.ok(pid !== undefined && groupAlive(pid));
  connection.close();
  await eventually(() => !groupAlive(pid), 'the group is gone');
  await assert.rejects(connection.exit, ConnectionError);
});

test('a stopping server ends its connections with 1001, and what they run', async (t) => {
  const { server, sandbox } = await startBox(t);
  const connection = await server.client.execConnect(sandbox, { command: 'echo up; sleep 300' });
  const up = Promise.withResolvers<void>();
  connection.onOutput(() => up.resolve());
  await up.promise;
  const refused = assert.rejects(connection.exit, /the server is stopping/);
  await server.close();
  await refused;
  const [pid] = server.driver.started;
  assert.ok(pid !== undefined);
  await eventually(() => !groupAlive(pid), 'the group is gone');
});

test('a handshake without the right token is refused like any other request, before it is a WebSocket', async (t) => {
  const { server, sandbox } = await startBox(t);
  const exec = 'superserve.exec.v1';
  const named = { 'x-superserve-sandbox-id': sandbox.id };
  const right = `token.${sandbox.access_token}`;
  const cases: [number, Parameters<typeof open>[1]][] = [
    [401, { protocols: [exec], headers: named }],
    [401, { protocols: [exec, 'token.guess'], headers: named }],
    [401, { protocols: [exec, right] }],
    [401, { protocols: [exec], headers: { ...named, ...keyed(server) } }],
    [400, { protocols: ['other.v1', right], headers: named }],
    [403, { protocols: [exec, right], headers: named, host: 'evil.example' }],
  ];
  for (const [status, options] of cases) {
    const socket = open(server, options);
    const response = await refusedHandshake(socket);
    assert.equal(response.statusCode, status, JSON.stringify(options.protocols));
    assert.match(String(response.headers['content-type']), /^application\/json/);
    socket.on('error', () => undefined).terminate();
  }
  assert.deepEqual(server.driver.started, []);
});

test('the client tells a refused handshake as the ApiError that it is', async (t) => {
  const { server, sandbox } = await startBox(t);
  await assert.rejects(
    server.client.execConnect({ id: sandbox.id, access_token: 'guess' }, { command: 'true' }),
    (error) => error instanceof ApiError && error.status === 401 && error.code === 'unauthorized',
  );
  const nowhere = createClient({ baseUrl: 'http://127.0.0.1:1' });
  await assert.rejects(nowhere.execConnect(sandbox, { command: 'true' }), ConnectionError);
});

test('a plain GET, an upgrade elsewhere and a broken handshake are refused in the envelope', async (t) => {
  const { server, sandbox } = await startBox(t);
  const plain = await send(server, 'GET', { path: '/exec/connect', headers: dataPlane(sandbox) });
  assert.equal(plain.status, 400);
  assert.match(plain.error().message, /takes a WebSocket with the subprotocol superserve\.exec\.v1/);
  const upgrade = 'Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
  assert.match(await sendRaw(server, `GET /nowhere HTTP/1.1\r\n${upgrade}\r\n`), /^HTTP\/1\.1 404 [^]*"not_found"/);
  const access = `X-Access-Token: ${sandbox.access_token}\r\nX-Superserve-Sandbox-Id: ${sandbox.id}\r\n`;
  const half = `GET /exec/connect HTTP/1.1\r\n${upgrade}${access}Sec-WebSocket-Protocol: superserve.exec.v1\r\n\r\n`;
  assert.match(await sendRaw(server, half), /^HTTP\/1\.1 400 [^]*"bad_request"/);
  const h2c = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n';
  assert.match(await sendRaw(server, h2c), /^HTTP\/1\.1 200 /);
});

const badFirstFrames: [what: string, frame: string | Buffer, message: RegExp][] = [
  ['no JSON', 'hunter2', /not JSON/],
  ['no command', '{}', /^command: is required/],
  ['an unknown field', '{"command":"true","shell":"zsh"}', /^unknown field "shell"/],
  ['a terminal without rows', '{"command":"true","tty":{"columns":80}}', /^tty\.rows: is required/],
  ['a binary frame', Buffer.from([0, 1]), /the first frame must be text/],
];

test('a bad first frame is told with its code and message, and closes with 1008', async (t) => {
  const { server, sandbox } = await startBox(t);
  for (const [what, frame, message] of badFirstFrames) {
    const socket = sdkSocket(server, sandbox);
    await once(socket, 'open');
    const told = once(socket, 'message');
    const closed = once(socket, 'close');
    socket.send(frame);
    const error = execOutcome.parse(JSON.parse(String((await told)[0])));
    assert.ok('error' in error && error.code === 'bad_request', what);
    assert.match(error.error, message, what);
    assert.equal((await closed)[0], 1008);
    assert.match(String((await closed)[1]), /^bad_request: ./, what);
  }
  assert.deepEqual(server.driver.started, []);
});

test('a frame that is none of the contract ends the command and is told', async (t) => {
  const { server, sandbox } = await startBox(t);
  const bad: [string | Buffer, RegExp][] = [
    ['{"type":"signal","name":"SIGSTOPIT"}', /^name: must be one of SIGHUP, SIGINT/],
    ['{"type":"reboot"}', /^type: must be one of stdin_close, signal, resize/],
    [Buffer.from([1, 65]), /a binary frame must begin with byte 0/],
    [Buffer.alloc(0), /a binary frame must begin with byte 0/],
  ];
  for (const [frame, message] of bad) {
    const socket = sdkSocket(server, sandbox);
    await once(socket, 'open');
    const told = once(socket, 'message');
    const closed = once(socket, 'close');
    socket.send('{"command":"sleep 300"}');
    socket.send(frame);
    assert.match(String((await told)[0]), new RegExp(`"error":"${message.source.replace(/^\^/, '')}`));
    assert.equal((await closed)[0], 1008);
  }
  for (const pid of server.driver.started) await eventually(() => !groupAlive(pid), 'the group is gone');
});

test('a message over a mebibyte closes with 1009', async (t) => {
  const { server, sandbox } = await startBox(t);
  const socket = sdkSocket(server, sandbox);
  await once(socket, 'open');
  socket.on('error', () => undefined);
  socket.send(JSON.stringify({ command: 'x'.repeat(1024 * 1024) }));
  assert.equal((await once(socket, 'close'))[0], 1009);
});

/** The reading once it no longer grows. */
async function settled(read: () => number): Promise<number> {
  let last = read();
  for (let same = 0; same < 5;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const now = read();
    same = now <= last ? same + 1 : 0;
    last = now;
  }
  return last;
}
