import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, mock as mocks, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { ClientConnection } from '../../../src/egress/client-connection.ts';
import type { EgressContext } from '../../../src/egress/context.ts';
import { ControlLink } from '../../../src/egress/control-link.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { startFloodUpstream } from '../../support/flood-upstream.ts';
import type { SandboxSnapshot } from '../../../src/egress/ports.ts';
import { createProxyListener } from '../../../src/egress/listeners/proxy.ts';
import { proxyAuthorization } from '../../support/proxy-client.ts';
import { readBytes, readHead } from '../../support/http-bytes.ts';
import { listenOnLoopback } from '../../support/ports.ts';
import { waitUntil } from '../../support/processes.ts';
import { workerParts } from './worker-parts.ts';
import type { PlayedControl } from './worker-parts.ts';

/** Requests of a sandbox of which too much waits to be written. */
const host = 'api.example.com';
const authority = makeAuthority();
const toStop: (() => unknown)[] = [];
afterEach(() => {
  for (const stop of toStop.splice(0).toReversed()) stop();
});

/** A worker, and what asks through it as a sandbox: resolves with the line that an answer begins with. */
async function start(): Promise<{
  context: EgressContext;
  control: PlayedControl;
  ask: (sandboxId: string) => Promise<{ socket: Socket; answer: Promise<string> }>;
}> {
  const upstream = await startFloodUpstream(authority.issue([host]), { protocol: 'http/1.1' });
  toStop.push(() => upstream.stop());
  const { context, control } = workerParts({
    secureContext: createSecureContext({ ca: authority.certPem }),
    connectTo: [{ host, port: 443, address: '127.0.0.1', toPort: upstream.port }],
  });
  const ports = new Map<string, number>();
  for (const sandboxId of ['loud', 'quiet']) {
    const network = { allowOut: [], denyOut: [] };
    control.sandboxes.set(sandboxId, { id: sandboxId, teamId: 'team', proxyTokenHash: '', network, bindings: [] });
    await context.registry.load(sandboxId);
    const listener = createServer((socket) => {
      const connectedTo = { host, port: 443, isAddress: false };
      const tls = { serverName: host };
      ClientConnection.serve(context, socket, { mode: 'origin', sandboxId, connect: connectedTo, dialled: null, tls });
    });
    ports.set(sandboxId, await listenOnLoopback(listener));
    toStop.push(() => listener.close());
  }
  const ask = async (sandboxId: string) => {
    const socket = connect(ports.get(sandboxId) ?? 0, '127.0.0.1').on('error', () => socket.destroy());
    toStop.push(() => socket.destroy());
    await once(socket, 'connect');
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const answer = readHead(readBytes(socket)).then(({ startLine }) => startLine);
    answer.catch(() => undefined);
    return { socket, answer };
  };
  return { context, control, ask };
}

/** Events of a sandbox, until it may have no more of them waiting. */
function fill(control: ControlLink, sandboxId = 'loud'): void {
  while (!control.mustWait(sandboxId)) {
    ControlLink.prototype.record.call(control, {
      kind: 'connection',
      ts: 1,
      sandboxId,
      teamId: 'team',
      host,
    });
  }
}

/** Answers the oldest batch of events that was sent. */
function answerNext(control: PlayedControl, ok: boolean): void {
  const message = control.posted.shift();
  assert.ok(message?.type === 'events');
  const { id } = message;
  control.receive(ok ? { type: 'answer', id, ok, result: { what: 'recorded' } } : { type: 'answer', id, ok });
}

/** Resolves when so many requests wait, and others do not. */
async function untilWaiting(count: number, { control, ask }: Awaited<ReturnType<typeof start>>): Promise<void> {
  await waitUntil(() => Promise.resolve(control.waited === count), { what: `${count} requests to wait` });
  assert.equal(await (await ask('quiet')).answer, 'HTTP/1.1 200 OK');
  assert.equal(control.waited, count);
}

test('while too much of a sandbox waits to be written its requests wait, others go on, and no more of them go on than there is room', async () => {
  const worker = await start();
  const { control, ask } = worker;
  fill(control);
  const loud = await Promise.all(Array.from({ length: 300 }, () => ask('loud')));
  let answers = 0;
  for (const { answer } of loud) void answer.then(() => (answers += 1));
  await untilWaiting(300, worker);
  assert.equal(answers, 0);
  answerNext(control, true);
  await waitUntil(() => Promise.resolve(answers === 256), { what: 'as many as there was room for to be answered' });
  assert.equal(await (await ask('quiet')).answer, 'HTTP/1.1 200 OK');
  assert.equal(answers, 256);
  answerNext(control, true);
  assert.deepEqual(new Set(await Promise.all(loud.map(({ answer }) => answer))), new Set(['HTTP/1.1 200 OK']));
});

for (const [what, happens] of [
  ['what waits cannot be written', (control) => answerNext(control, false)],
  ['nobody says in time whether it was written', (_control, { timers }) => timers.tick(5000)],
  ['the server is gone', (control) => control.lose()],
] satisfies [string, (control: PlayedControl, mock: typeof mocks) => void][]) {
  test(`where ${what}, those who waited are refused`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const worker = await start();
    fill(worker.control);
    const { answer } = await worker.ask('loud');
    await untilWaiting(1, worker);
    happens(worker.control, t.mock);
    assert.equal(await answer, 'HTTP/1.1 503 Service Unavailable');
  });
}

test('whoever waited and went away is not heard', async () => {
  const worker = await start();
  const { control, ask } = worker;
  fill(control);
  const { socket } = await ask('loud');
  await untilWaiting(1, worker);
  const gone = once(socket, 'close');
  socket.destroy();
  await gone;
  assert.equal(await (await ask('quiet')).answer, 'HTTP/1.1 200 OK');
  answerNext(control, true);
  assert.equal(await (await ask('quiet')).answer, 'HTTP/1.1 200 OK');
  assert.deepEqual(
    control.recorded.flatMap(({ kind, sandboxId }) => (kind === 'request' ? [sandboxId] : [])),
    ['quiet', 'quiet', 'quiet'],
  );
});

test('whoever looks again and finds no room waits for the next time', async (t) => {
  const worker = await start();
  const { control, ask } = worker;
  fill(control);
  const { answer } = await ask('loud');
  await untilWaiting(1, worker);
  const full = t.mock.method(control, 'mustWait', () => true);
  answerNext(control, true);
  assert.equal(control.waited, 2);
  full.mock.restore();
  answerNext(control, true);
  assert.equal(await answer, 'HTTP/1.1 200 OK');
});

test('whoever waited and said itself which sandbox it is is judged by the rules and the token of afterwards', async () => {
  const { context, control } = await start();
  const [id, token] = [randomUUID(), 'token'];
  const rules = {
    id,
    teamId: 'team',
    proxyTokenHash: createHash('sha256').update(token).digest('hex'),
    network: { allowOut: [], denyOut: [] },
    bindings: [],
  };
  const listener = createProxyListener(context);
  const port = await listenOnLoopback(listener);
  toStop.push(() => listener.close());
  const changes: [Partial<SandboxSnapshot>, string][] = [
    [{}, 'HTTP/1.1 200 OK'],
    [{ network: { allowOut: ['other.example'], denyOut: ['0.0.0.0/0'] } }, 'HTTP/1.1 403 Forbidden'],
    [
      { proxyTokenHash: createHash('sha256').update('another').digest('hex') },
      'HTTP/1.1 407 Proxy Authentication Required',
    ],
  ];
  for (const [change, answer] of changes) {
    control.sandboxes.set(id, rules);
    context.registry.forget([id]);
    await context.registry.load(id);
    fill(control, id);
    control.waited = 0;
    const socket = connect(port, '127.0.0.1');
    toStop.push(() => socket.destroy());
    const credentials = `Proxy-Authorization: ${proxyAuthorization(id, token)}\r\n`;
    socket.write(`GET https://${host}/ HTTP/1.1\r\nHost: ${host}\r\n${credentials}\r\n`);
    await waitUntil(() => Promise.resolve(control.waited === 1), { what: 'the request to wait' });
    control.sandboxes.set(id, { ...rules, ...change });
    context.registry.forget([id]);
    while (control.posted.length > 0) answerNext(control, true);
    assert.equal((await readHead(readBytes(socket))).startLine, answer);
  }
});
