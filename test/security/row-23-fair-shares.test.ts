import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { ClientConnection } from '../../src/egress/client-connection.ts';
import { createProxyListener } from '../../src/egress/listeners/proxy.ts';
import { makeAuthority } from '../support/certificates.ts';
import { startFloodUpstream } from '../support/flood-upstream.ts';
import type { FloodUpstream } from '../support/flood-upstream.ts';
import { readBody, readBytes, readHead } from '../support/http-bytes.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { workerParts } from '../unit/egress/worker-parts.ts';

/**
 * Row 23: a sandbox at full blast has a few pieces of work done while another one's request passes, not all that it asks for.
 * What is counted is how much of the flood went through, not milliseconds. So that the count is the same on a busy machine,
 * all ends are in one process: each turn of its loop, everybody gets on by one step.
 */
const hosts = { loud: 'loud.example.com', quiet: 'quiet.example.com' };
/** Of a sandbox that comes by the proxy's port. */
const loudId = '00000000-0000-4000-8000-000000000000';
const authority = makeAuthority();
const toStop: (() => unknown)[] = [];
afterEach(() => {
  for (const stop of toStop.splice(0).toReversed()) stop();
});

/** The parts of one worker; two sandboxes, each with an upstream of its own, and a listener for each. */
async function start(flood: Parameters<typeof startFloodUpstream>[1]): Promise<{
  parts: ReturnType<typeof workerParts>;
  upstream: FloodUpstream;
  open: (sandbox: keyof typeof hosts) => Promise<Socket>;
}> {
  const upstreams = {
    loud: await startFloodUpstream(authority.issue([hosts.loud]), flood),
    quiet: await startFloodUpstream(authority.issue([hosts.quiet]), { protocol: 'http/1.1' }),
  };
  toStop.push(() => upstreams.loud.stop());
  toStop.push(() => upstreams.quiet.stop());
  const parts = workerParts({
    secureContext: createSecureContext({ ca: authority.certPem }),
    connectTo: (['loud', 'quiet'] as const).map((name) => {
      return { host: hosts[name], port: 443, address: '127.0.0.1', toPort: upstreams[name].port };
    }),
  });
  const { context, control } = parts;
  const ports = { loud: 0, quiet: 0 };
  for (const name of ['loud', 'quiet'] as const) {
    const network = { allowOut: [], denyOut: [] };
    control.sandboxes.set(name, { id: name, teamId: 'team', proxyTokenHash: '', network, bindings: [] });
    await context.registry.load(name);
    const listener = createServer((socket) => {
      const connect = { host: hosts[name], port: 443, isAddress: false };
      const tls = { serverName: hosts[name] };
      ClientConnection.serve(context, socket, { mode: 'origin', sandboxId: name, connect, dialled: null, tls });
    });
    ports[name] = await listenOnLoopback(listener);
    toStop.push(() => listener.close());
  }
  return {
    parts,
    upstream: upstreams.loud,
    open: async (sandbox) => {
      const socket = connectTcp(ports[sandbox], '127.0.0.1').on('error', () => socket.destroy());
      await new Promise((resolve) => socket.once('connect', resolve));
      toStop.push(() => socket.destroy());
      return socket;
    },
  };
}

const get = (sandbox: keyof typeof hosts, path: string) => `GET ${path} HTTP/1.1\r\nHost: ${hosts[sandbox]}\r\n\r\n`;

/** What was counted while each of 200 requests of the quiet sandbox passed, from the least to the most. The flood had begun. */
async function countedBeside(quiet: Socket, count: () => number, begun: number): Promise<number[]> {
  const reader = readBytes(quiet);
  const counted: number[] = [];
  while (count() < begun) await nextTurn();
  for (let request = 0; request < 200; request++) {
    const before = count();
    quiet.write(get('quiet', '/'));
    const head = await readHead(reader);
    assert.equal(head.startLine, 'HTTP/1.1 200 OK');
    await readBody(reader, head, 'none');
    counted.push(count() - before);
  }
  return counted.toSorted((one, two) => one - two);
}

/** What `part` of the counts do not exceed, and that the flood had its share too. */
function judge(counted: readonly number[], most: number, part = 0.5): void {
  const reached = counted[Math.floor(counted.length * part)] ?? 0;
  assert.ok(reached <= most, `${reached} of the flood went through while one request passed`);
  assert.ok((counted.at(-1) ?? 0) > 0, 'the flood stands still');
}

for (const [what, ask] of [
  ['requests of 256 connections', get('loud', '/')],
  // They never see an upstream.
  ['requests that are refused', get('loud', '/').replace('Host: loud.', 'Host: other.')],
] as const)
  test(`beside ${what}, a request waits for a few of them, and they go on`, async () => {
    const { open } = await start({ protocol: 'http/1.1' });
    const [quiet, ...loud] = await Promise.all([open('quiet'), ...Array.from({ length: 256 }, () => open('loud'))]);
    let answers = 0;
    for (const socket of loud) {
      socket.on('data', () => {
        answers += 1;
        socket.write(ask);
      });
      socket.write(ask.repeat(4));
    }
    judge(await countedBeside(quiet, () => answers, 1000), 50);
  });

/** `most`: bytes that reach the clients. Without turns it is twice as many, at the least. */
const floods: readonly {
  what: string;
  flood: Parameters<typeof startFloodUpstream>[1];
  path: string;
  connections: number;
  most: number;
  /** Of the requests, for which that holds; half of them where it is not said. */
  part?: number;
}[] = [
  // No less than a message of gRPC has; 128 of them are on one connection.
  {
    what: 'frames of five bytes',
    flood: { protocol: 'h2', frameBytes: 5 },
    path: '/',
    connections: 512,
    most: 100_000,
  },
  { what: 'chunks of one byte', flood: { protocol: 'http/1.1' }, path: '/chunks', connections: 64, most: 400_000 },
  {
    what: 'TLS records of one byte',
    flood: { protocol: 'http/1.1' },
    path: '/records',
    connections: 64,
    most: 400_000,
  },
  // Of the worst requests too: some waited for 475,000 while only the time of reading counted, and not what is to be written.
  {
    what: 'chunks of 64 KB',
    flood: { protocol: 'http/1.1' },
    path: '/long',
    connections: 64,
    most: 300_000,
    part: 0.95,
  },
];

for (const { what, flood, path, connections, most, part } of floods) {
  test(`beside content in ${what}, a request waits for a few pieces of it, and it goes on`, async () => {
    const { open } = await start(flood);
    let received = 0;
    const [quiet, ...loud] = await Promise.all([
      open('quiet'),
      ...Array.from({ length: connections }, () => open('loud')),
    ]);
    for (const socket of loud) {
      socket.on('data', (bytes) => (received += bytes.length));
      socket.write(get('loud', path));
    }
    judge(await countedBeside(quiet, () => received, 1_000_000), most, part);
  });
}

/** The proxy's port, where the loud sandbox has its own token. */
async function proxyPort({ context, control }: ReturnType<typeof workerParts>): Promise<number> {
  const network = { allowOut: [], denyOut: [] };
  const proxyTokenHash = hash('sha256', 'right', 'hex');
  control.sandboxes.set(loudId, { id: loudId, teamId: 'team', proxyTokenHash, network, bindings: [] });
  const { certPem, keyPem } = authority.issue([hosts.loud]);
  control.certificate = { cert: certPem, key: keyPem, notAfter: Date.now() + 30 * 86_400_000 };
  const listener = createProxyListener(context);
  toStop.push(() => listener.close());
  return listenOnLoopback(listener);
}

async function connectTo(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1').on('error', () => socket.destroy());
  await once(socket, 'connect');
  toStop.push(() => socket.destroy());
  return socket;
}

test('beside requests of those who do not say who they are, a request waits for a few of them, and they go on', async () => {
  const { open, parts } = await start({ protocol: 'http/1.1' });
  const port = await proxyPort(parts);
  const [quiet, ...strangers] = await Promise.all([
    open('quiet'),
    ...Array.from({ length: 256 }, () => connectTo(port)),
  ]);
  const ask = get('loud', `http://${hosts.loud}/`);
  let answers = 0;
  for (const socket of strangers) {
    socket.on('data', () => {
      answers += 1;
      socket.write(ask);
    });
    socket.write(ask.repeat(4));
  }
  judge(await countedBeside(quiet, () => answers, 1000), 150);
});

test('beside handshakes that begin at once, a request waits for a few of them, and all are done', async () => {
  const { open, parts } = await start({ protocol: 'http/1.1' });
  const port = await proxyPort(parts);
  const authorization = `Basic ${Buffer.from(`${loudId}:right`).toString('base64')}`;
  const host = `${hosts.loud}:443`;
  const tunnels: Socket[] = [];
  for (let lane = 0; lane < 256; lane++) {
    const socket = await connectTo(port);
    socket.write(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${authorization}\r\n\r\n`);
    const [answer] = await once(socket, 'data');
    assert.match(String(answer), /^HTTP\/1.1 200 /);
    tunnels.push(socket);
  }
  const quiet = await open('quiet');
  await countedBeside(quiet, () => 0, 0);
  const secureContext = createSecureContext({ ca: authority.certPem });
  let handshakes = 0;
  for (const socket of tunnels) {
    const secured = connectTls({ socket, servername: hosts.loud, secureContext }, () => (handshakes += 1));
    secured.on('error', () => secured.destroy());
  }
  const counted: number[] = [];
  while (handshakes < tunnels.length) counted.push(...(await countedBeside(quiet, () => handshakes, 0)));
  const most = Math.max(...counted);
  assert.ok(most <= 40, `${most} handshakes were done while one request passed`);
});

test('beside others, what a sandbox does not read waits at its upstream and not in the worker', async () => {
  const { open, upstream } = await start({ protocol: 'http/1.1' });
  const [quiet, ...loud] = await Promise.all([open('quiet'), ...Array.from({ length: 32 }, () => open('loud'))]);
  for (const socket of loud) socket.pause().write(get('loud', '/chunks'));
  let before = -1;
  // Until everything between the two ends is full.
  for (; before !== upstream.sent; await countedBeside(quiet, () => 0, 0)) {
    before = upstream.sent;
    assert.ok(before < 32 * 24 * 2 ** 20, `${before} bytes that nobody reads`);
  }
});
