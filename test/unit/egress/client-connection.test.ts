import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { ClientConnection } from '../../../src/egress/client-connection.ts';
import { ConnectionTable, FailureThrottle } from '../../../src/egress/context.ts';
import type { EgressContext } from '../../../src/egress/context.ts';
import { ControlLink } from '../../../src/egress/control-link.ts';
import { SandboxRegistry } from '../../../src/egress/registry.ts';
import { LeafContexts } from '../../../src/egress/tls/contexts.ts';
import { Turns } from '../../../src/egress/turns.ts';
import { UpstreamPool } from '../../../src/egress/upstream.ts';
import { createLogger } from '../../../src/log.ts';
import { makeAddressGuard } from '../../../src/net/address.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { piecesOf, readBytes, readHead } from '../../support/http-bytes.ts';
import { listenOnLoopback } from '../../support/ports.ts';
import { waitUntil } from '../../support/processes.ts';
import { sized } from '../../support/replies.ts';
import { startTlsUpstream } from '../../support/tls-upstream.ts';
import { workerParts } from './worker-parts.ts';

/** More than the system's socket buffers take. */
const much = 32 * 2 ** 20;
const toClose: { destroy(): void }[] = [];
afterEach(() => {
  for (const each of toClose.splice(0)) each.destroy();
});

/** A worker's parts without a control plane: nothing here asks it. */
function makeContext(): EgressContext {
  const control = new ControlLink(() => undefined);
  const turns = new Turns(() => 0);
  return {
    control,
    registry: new SandboxRegistry(control, { scrub: true, valueTtlMs: 1000 }),
    contexts: new LeafContexts(control),
    pool: new UpstreamPool({ secureContext: createSecureContext(), connectTo: [], turns }),
    guard: makeAddressGuard([]),
    failures: new FailureThrottle(),
    connections: new ConnectionTable(),
    turns,
    firstByteTimeoutMs: 1000,
    log: createLogger({ level: 'silent' }),
  };
}

/** Both ends of a TCP connection; the client reads nothing yet, and stays open when the other side has ended. */
async function socketPair(): Promise<{ client: Socket; accepted: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  const port = await listenOnLoopback(server);
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).pause();
  const accepted = await new Promise<Socket>((resolve) => server.once('connection', resolve));
  toClose.push(client, accepted, { destroy: () => server.close() });
  return { client, accepted };
}

async function serve(): Promise<{
  context: EgressContext;
  connection: ClientConnection;
  client: Socket;
  accepted: Socket;
}> {
  const context = makeContext();
  const { client, accepted } = await socketPair();
  const origin = { mode: 'proxy', sandboxId: null, connect: null, dialled: null, tls: null } as const;
  return { context, connection: ClientConnection.serve(context, accepted, origin), client, accepted };
}

test('a slow reader gets all of an answer that is the last of its connection', async () => {
  const { context, connection, client, accepted } = await serve();
  connection.write(Buffer.alloc(much));
  connection.close();
  context.connections.sweep(Date.now() + 30_000);
  assert.equal(accepted.destroyed, false);
  let received = 0;
  for await (const bytes of piecesOf(client)) received += bytes.length;
  assert.equal(received, much);
});

test('a client that keeps its side open after the last answer is let go soon', async () => {
  const { context, connection, accepted } = await serve();
  connection.write(Buffer.from('the end'));
  const finished = once(accepted, 'finish');
  connection.close();
  await finished;
  context.connections.sweep(Date.now());
  assert.equal(accepted.destroyed, false, 'it may still be reading');
  context.connections.sweep(Date.now() + 5_000);
  assert.equal(accepted.destroyed, true);
});

test('a client that says nothing, or stops in the middle of a head, is let go', async () => {
  for (const said of ['', 'GET http://api.example.com/ HTTP/1.1\r\n']) {
    const { context, client, accepted } = await serve();
    client.write(said);
    if (said !== '') await once(accepted, 'data');
    context.connections.sweep(Date.now() + 15_000);
    assert.equal(accepted.destroyed, false);
    context.connections.sweep(Date.now() + 31_000);
    assert.equal(accepted.destroyed, true);
  }
});

test('an upload whose end comes before its turn is passed on whole', async () => {
  const host = 'api.example.com';
  const authority = makeAuthority();
  const upstream = await startTlsUpstream({
    certificate: authority.issue([host]),
    respond: async ({ body }) => sized(200, (await body).content),
  });
  toClose.push({ destroy: () => void upstream.stop() });
  const { context, control } = workerParts({
    secureContext: createSecureContext({ ca: authority.certPem }),
    connectTo: [{ host, port: 443, address: '127.0.0.1', toPort: upstream.port }],
  });
  const network = { allowOut: [], denyOut: [] };
  control.sandboxes.set('one', { id: 'one', teamId: 'team', proxyTokenHash: '', network, bindings: [] });
  await context.registry.load('one');
  const { client, accepted } = await socketPair();
  ClientConnection.serve(context, accepted, {
    mode: 'origin',
    sandboxId: 'one',
    connect: { host, port: 443, isAddress: false },
    dialled: null,
    tls: { serverName: host },
  });
  client.write(`POST /upload HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 10\r\n\r\nhello`);
  await waitUntil(() => upstream.requests.length === 1, { what: 'the head of the upload' });
  // Another sandbox is at work, and this one owes a good many turns.
  context.turns.hold('two').enter(() => assert.fail());
  context.turns.hold('one').charge(100);
  client.end('again');
  const reader = readBytes(client.resume());
  assert.equal((await readHead(reader)).startLine, 'HTTP/1.1 200 OK');
  assert.equal((await reader.exactly(10)).toString(), 'helloagain');
});
