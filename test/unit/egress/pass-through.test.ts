import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { after, mock, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { EgressContext } from '../../../src/egress/context.ts';
import { PassThrough } from '../../../src/egress/pass-through.ts';
import type { SandboxSnapshot } from '../../../src/egress/ports.ts';
import { openTunnel } from '../../../src/egress/tunnel.ts';
import { piecesOf } from '../../support/http-bytes.ts';
import { listenOnLoopback } from '../../support/ports.ts';
import { waitUntil } from '../../support/processes.ts';
import { binding } from './sandboxes.ts';
import { workerParts } from './worker-parts.ts';
import type { PlayedControl } from './worker-parts.ts';

const host = 'pinned.example.net';
const id = 'a-sandbox';
const toClose: { destroy(): void }[] = [];
after(() => toClose.forEach((each) => each.destroy()));

interface Tunnel {
  context: EgressContext;
  control: PlayedControl;
  /** The sandbox's end, the other's, and ours towards the sandbox. */
  client: Socket;
  upstream: Socket;
  accepted: Socket;
}

function snapshot(more: Partial<SandboxSnapshot> = {}): SandboxSnapshot {
  const network = { allowOut: [], denyOut: [], intercept: 'bound' as const };
  return { id, teamId: 'team', proxyTokenHash: '', network, bindings: [], ...more };
}

function connectionOf(server: Server): Promise<Socket> {
  return new Promise((resolve) => server.once('connection', resolve));
}

async function pair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  const port = await listenOnLoopback(server);
  const accepted = connectionOf(server);
  const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const far = await accepted;
  for (const each of [near, far]) each.on('error', () => undefined);
  toClose.push(near, far, { destroy: () => server.close() });
  return { near, far };
}

/** An open tunnel, by the operator's word to an upstream on loopback. */
async function open(): Promise<Tunnel> {
  const server = createServer({ allowHalfOpen: true });
  const toPort = await listenOnLoopback(server);
  toClose.push({ destroy: () => server.close() });
  const { context, control } = workerParts({ connectTo: [{ host, port: 443, address: '127.0.0.1', toPort }] });
  control.sandboxes.set(id, snapshot());
  const entry = await context.registry.load(id);
  assert.ok(entry);
  const { near: client, far: accepted } = await pair();
  accepted.pause();
  const destination = { host, port: 443, scheme: 'https' as const, isAddress: false };
  const connected = connectionOf(server);
  PassThrough.start(context, accepted, { entry, destination, rule: 'intercept: bound' });
  const upstream = await connected;
  upstream.on('error', () => undefined);
  toClose.push(upstream);
  client.write('hello');
  const [first] = await once(upstream, 'data');
  assert.equal(String(first), 'hello');
  return { context, control, client, upstream, accepted };
}

/** The rules change, and the worker is told. */
function change({ context, control }: Tunnel, now: SandboxSnapshot | null): void {
  if (now === null) control.sandboxes.delete(id);
  else control.sandboxes.set(id, now);
  context.registry.forget([id]);
  context.connections.reconsider([id]);
}

test('either side may end first, and the other is heard to its end', { timeout: 10_000 }, async () => {
  for (const first of ['client', 'upstream'] as const) {
    const tunnel = await open();
    const [early, late] = first === 'client' ? [tunnel.client, tunnel.upstream] : [tunnel.upstream, tunnel.client];
    const earlyHeard = (async () => {
      let text = '';
      for await (const piece of piecesOf(early)) text += piece.toString();
      return text;
    })();
    late.on('data', () => undefined);
    const ended = once(late, 'end');
    early.end('last words');
    await ended;
    late.end('the answer to them');
    assert.equal(await earlyHeard, 'the answer to them', `${first} first`);
    await waitUntil(() => tunnel.control.recorded.length === 1, { what: 'the row' });
    const [row] = tunnel.control.recorded;
    assert.equal(row?.connection?.verdict, 'allowed');
    assert.equal(tunnel.context.connections.size, 0);
  }
});

test('rules that still have it so leave a tunnel open; the first that do not end it', { timeout: 10_000 }, async () => {
  const key = binding('KEY', []);
  const ends: Record<string, SandboxSnapshot | null> = {
    'the host is bound': snapshot({ bindings: [{ ...key, rules: [{ hosts: ['*.example.net'], slots: [] }] }] }),
    'the host is that of a secret that was deleted': snapshot({
      bindings: [{ ...key, state: 'revoked', rules: [{ hosts: [host], slots: [] }] }],
    }),
    'everything is opened': snapshot({ network: { allowOut: [], denyOut: [] } }),
    'the host is not allowed': snapshot({
      network: { allowOut: ['other.example.net'], denyOut: [], intercept: 'bound' },
    }),
    'everything is denied': snapshot({ network: { allowOut: [], denyOut: ['0.0.0.0/0'], intercept: 'bound' } }),
    'the sandbox was deleted': snapshot({ deleted: true }),
    'the sandbox is not known': null,
  };
  for (const [what, now] of Object.entries(ends)) {
    const tunnel = await open();
    change(tunnel, snapshot({ network: { allowOut: ['*.example.net'], denyOut: [], intercept: 'bound' } }));
    await turn();
    tunnel.client.write('more');
    assert.equal(String((await once(tunnel.upstream, 'data'))[0]), 'more', what);
    const closed = [once(tunnel.client, 'close'), once(tunnel.upstream, 'close')];
    tunnel.client.on('data', () => undefined);
    tunnel.client.on('end', () => tunnel.client.end());
    tunnel.upstream.on('end', () => tunnel.upstream.end());
    change(tunnel, now);
    await Promise.all(closed);
    assert.equal(tunnel.control.recorded.length, 1, what);
  }
});

test('while the rules cannot be read again, those of before serve for half a minute', async () => {
  const tunnel = await open();
  const { context, control, accepted } = tunnel;
  control.answers = 'fails';
  change(tunnel, snapshot());
  await turn();
  const began = Date.now();
  const clock = mock.method(Date, 'now', () => began + 20_000);
  try {
    context.connections.sweep(Date.now());
    await turn();
    assert.equal(accepted.destroyed, false);
    clock.mock.mockImplementation(() => began + 40_000);
    context.connections.sweep(Date.now());
    await turn();
    assert.equal(accepted.destroyed, true);
  } finally {
    clock.mock.restore();
  }
});

test('a tunnel asks for the rules anew though nobody said that they changed', async () => {
  const { context, control } = await open();
  const before = control.asked;
  context.registry.forget([id]);
  context.connections.sweep(Date.now() + 31_000);
  await turn();
  assert.equal(control.asked, before + 1);
});

test('a draining worker ends a tunnel that is idle, and not one that moves', async () => {
  const moving = await open();
  void moving.context.connections.drain(60_000);
  moving.context.connections.sweep(Date.now());
  assert.equal(moving.accepted.destroyed, false);
  moving.context.connections.sweep(Date.now() + 1500);
  const clock = mock.method(Date, 'now', () => performance.timeOrigin + performance.now() + 10_000);
  try {
    moving.context.connections.sweep(Date.now());
  } finally {
    clock.mock.restore();
  }
  assert.equal(moving.accepted.destroyed, true);
});

test('nothing is let through while rows cannot be kept: an alert, and nobody is dialled', async () => {
  const server = createServer();
  const toPort = await listenOnLoopback(server);
  let dialled = 0;
  server.on('connection', (socket) => {
    dialled += 1;
    socket.destroy();
  });
  toClose.push({ destroy: () => server.close() });
  const { context, control } = workerParts({ connectTo: [{ host, port: 443, address: '127.0.0.1', toPort }] });
  control.sandboxes.set(id, snapshot());
  const entry = await context.registry.load(id);
  assert.ok(entry);
  const { near, far } = await pair();
  control.lose();
  const destination = { host, port: 443, scheme: 'https' as const, isAddress: false };
  PassThrough.start(context, far, { entry, destination, rule: 'intercept: bound' });
  const alert = await new Promise<Buffer | null>((resolve) => {
    near.once('data', resolve);
    near.once('close', () => resolve(null));
  });
  assert.deepEqual(alert, Buffer.from([0x15, 3, 3, 0, 2, 2, 80]));
  // Whoever was dialled before this one is in the queue of connections before it.
  const probe = connect(toPort, '127.0.0.1').on('error', () => undefined);
  await once(probe, 'close');
  assert.equal(dialled, 1);
});

test('what an upstream sends arrives as it was, however slowly it is read', { timeout: 10_000 }, async () => {
  const { client, upstream, accepted } = await open();
  client.pause();
  const sent = Buffer.alloc(12 * 2 ** 20);
  for (let at = 0; at < sent.length; at += 4) sent.writeUInt32BE(at, at);
  upstream.end(sent);
  await waitUntil(() => accepted.writableLength > 0, { what: 'bytes that wait here' });
  // The buffer that upstreams are read into is shared by all of them.
  const neighbour = await open();
  neighbour.upstream.write(Buffer.alloc(2 ** 16, 0xff));
  await once(neighbour.client, 'data');
  const received: Buffer[] = [];
  for await (const piece of piecesOf(client)) {
    received.push(piece);
    if (received.length % 16 === 0) await turn();
  }
  assert.ok(Buffer.concat(received).equals(sent));
});

test(
  'a client that reads nothing stops the upstream, and a dead upstream takes the client along',
  { timeout: 10_000 },
  async () => {
    const tunnel = await open();
    tunnel.client.pause();
    const chunk = Buffer.alloc(2 ** 20);
    let sent = 0;
    while (tunnel.upstream.writableLength < 4 * 2 ** 20 && sent < 64) {
      tunnel.upstream.write(chunk);
      sent += 1;
      await turn();
    }
    assert.ok(sent < 64, 'the upstream is made to wait');
    assert.ok(tunnel.accepted.writableLength < 4 * 2 ** 20, 'and little is held here');
    const closed = once(tunnel.accepted, 'close');
    tunnel.upstream.resetAndDestroy();
    tunnel.client.resume();
    await closed;
  },
);

/** A ClientHello (RFC 8446 section 4.1.2) in one record. */
function clientHello(options: { serverName: string | null; encrypted?: boolean }): Buffer {
  const name = Buffer.from(options.serverName ?? '', 'latin1');
  const sized = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
  const sni = sized(Buffer.concat([Buffer.from([0]), sized(name)]));
  const extensions = Buffer.concat([
    ...(options.encrypted === true ? [Buffer.from([0xfe, 0x0d]), sized(Buffer.alloc(200, 7))] : []),
    ...(options.serverName === null ? [] : [Buffer.from([0, 0]), sized(sni)]),
  ]);
  const body = Buffer.concat([Buffer.alloc(34), Buffer.from([0, 0, 2, 0x13, 1, 1, 0]), sized(extensions)]);
  const message = Buffer.concat([Buffer.from([1, 0]), sized(body)]);
  return Buffer.concat([Buffer.from([0x16, 3, 1]), sized(message)]);
}

/** What a connection out of a namespace comes to: what the upstream hears, or the alert; and its row. */
async function fromNamespace(options: {
  hello: Buffer;
  dialled?: { address: string; name: string | null };
  network?: Partial<SandboxSnapshot['network']>;
}): Promise<{ heard: Buffer | number | null; verdict: unknown; matchRule: unknown }> {
  const server = createServer();
  const toPort = await listenOnLoopback(server);
  toClose.push({ destroy: () => server.close() });
  const heard = new Promise<Buffer>((resolve) =>
    server.on('connection', (socket) => socket.on('error', () => undefined).once('data', resolve)),
  );
  const { context, control } = workerParts({ connectTo: [{ host, port: 443, address: '127.0.0.1', toPort }] });
  const network = { allowOut: [], denyOut: [], intercept: 'bound' as const, ...options.network };
  control.sandboxes.set(id, snapshot({ network }));
  const { near, far } = await pair();
  const answered = new Promise<number | null>((resolve) => {
    near.once('data', (alert: Buffer) => resolve(alert[6] ?? null));
    near.once('close', () => resolve(null));
  });
  const dialled = { address: '198.18.0.9', name: host, ...options.dialled, port: 443 };
  openTunnel(context, far, { sandboxId: id, connect: null, dialled });
  near.write(options.hello);
  const outcome = await Promise.race([heard, answered]);
  near.destroy();
  await waitUntil(() => control.recorded.length === 1, { what: 'the row' });
  const { verdict, matchRule } = control.recorded[0]?.connection ?? {};
  return { heard: outcome, verdict, matchRule };
}

test('out of a namespace the dialled name is judged, before any look-up, and its server name must repeat it', async () => {
  for (const hello of [clientHello({ serverName: host }), clientHello({ serverName: null })]) {
    const passed = await fromNamespace({ hello });
    assert.deepEqual(passed, { heard: hello, verdict: 'allowed', matchRule: 'intercept: bound' });
  }
  const hello = clientHello({ serverName: host });
  const denied = await fromNamespace({ hello, network: { allowOut: ['other.example.net'] } });
  assert.deepEqual(denied, { heard: 49, verdict: 'blocked', matchRule: null });
  const other = await fromNamespace({ hello: clientHello({ serverName: 'other.example.net' }) });
  assert.deepEqual(other, {
    heard: 112,
    verdict: 'blocked',
    matchRule: 'intercept: bound: the server name is another',
  });
});

test('an address dialled as such is judged as one, by the rules and by the guard', async () => {
  const hello = clientHello({ serverName: null });
  const guarded = await fromNamespace({ hello, dialled: { address: '::ffff:169.254.169.254', name: null } });
  assert.deepEqual(guarded, { heard: 49, verdict: 'blocked', matchRule: 'address guard' });
  const network = { denyOut: ['203.0.113.0/24'] };
  const denied = await fromNamespace({ hello, network, dialled: { address: '203.0.113.9', name: null } });
  assert.deepEqual(denied, { heard: 49, verdict: 'blocked', matchRule: 'deny_out: 203.0.113.0/24' });
});

test('with Encrypted Client Hello, true or greased (RFC 9849), the outer name is judged', async () => {
  const hello = clientHello({ serverName: host, encrypted: true });
  assert.deepEqual((await fromNamespace({ hello })).heard, hello);
  const fronted = await fromNamespace({ hello: clientHello({ serverName: 'public.example.net', encrypted: true }) });
  assert.equal(fronted.verdict, 'blocked');
});

test('what is not opened is read in the turns of its sandbox, from both sides', async () => {
  const { context, client, upstream, accepted } = await open();
  const share = context.turns.hold(id);
  const other = context.turns.hold('another');
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    other.enter(() => undefined);
    // It has had its turn, and those that follow.
    share.enter(() => undefined);
    share.charge(100);
    let waited = false;
    const enter = share.enter.bind(share);
    share.enter = (go, weight) => {
      const entered = enter(go, weight);
      waited ||= !entered;
      return entered;
    };
    from.write('bytes');
    const [bytes]: unknown[] = await once(to, 'data');
    assert.equal(String(bytes), 'bytes');
    assert.ok(waited);
    share.enter = enter;
  }
  accepted.destroy();
});
