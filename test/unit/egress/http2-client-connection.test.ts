import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { connect as connectTcp, createServer } from 'node:net';
import { afterEach, test } from 'node:test';
import { Http2ClientConnection } from '../../../src/egress/http2-client-connection.ts';
import type { ConnectionTable } from '../../../src/egress/context.ts';
import { listenOnLoopback } from '../../support/ports.ts';
import { workerParts } from './worker-parts.ts';

const host = 'denied.example.com';
const minute = 60_000;
const toClose: { destroy(): void }[] = [];
afterEach(() => {
  for (const each of toClose.splice(0)) each.destroy();
});

/** A client of HTTP/2 that takes no content, whose sandbox may go nowhere: each request is answered 403 by the proxy. */
async function serve(): Promise<{ session: ClientHttp2Session; connections: ConnectionTable }> {
  const { context, control } = workerParts();
  const network = { allowOut: [], denyOut: ['0.0.0.0/0'] };
  control.sandboxes.set('one', { id: 'one', teamId: 'team', proxyTokenHash: '', network, bindings: [] });
  await context.registry.load('one');
  const server = createServer((socket) => {
    const connect = { host, port: 443, isAddress: false };
    const tls = { serverName: host };
    Http2ClientConnection.serve(context, socket, { mode: 'origin', sandboxId: 'one', connect, dialled: null, tls });
  });
  const socket = connectTcp(await listenOnLoopback(server), '127.0.0.1');
  const settings = { initialWindowSize: 0 };
  const session = connectHttp2(`https://${host}`, { createConnection: () => socket, settings });
  toClose.push(session, { destroy: () => server.close() });
  return { session, connections: context.connections };
}

/** Asks, and waits for the head of the answer. */
async function ask(session: ClientHttp2Session): Promise<ClientHttp2Stream> {
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined);
  const [head] = await once(stream, 'response');
  assert.equal(head[constants.HTTP2_HEADER_STATUS], 403);
  return stream;
}

/** Everything that was sent before has arrived, on both sides. */
async function roundTrip(session: ClientHttp2Session): Promise<void> {
  await new Promise((resolve) => session.ping(resolve));
}

test('an answer that its client never takes is given up after some minutes, and the connection goes on', async () => {
  const { session, connections } = await serve();
  const stream = await ask(session);
  const now = Date.now();
  connections.sweep(now + 2.1 * minute);
  await roundTrip(session);
  assert.equal(stream.closed, false, 'it may still begin');
  const other = await ask(session);
  connections.sweep(now + 4.2 * minute);
  await once(stream, 'close');
  assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL);
  await roundTrip(session);
  assert.equal(other.closed, false, 'its own time is not over');
  connections.sweep(now + 6.3 * minute);
  await once(other, 'close');
});

test('an answer that is taken slowly goes on for as long as it moves', async () => {
  const { session, connections } = await serve();
  const stream = await ask(session);
  const received: Buffer[] = [];
  stream.on('data', (bytes: Buffer) => received.push(bytes));
  const now = Date.now();
  for (let look = 1; look < 6; look++) {
    connections.sweep(now + look * 2.1 * minute);
    const before = received.length;
    session.settings({ initialWindowSize: look * 5 });
    while (received.length === before) await roundTrip(session);
    assert.equal(stream.closed, false);
  }
  session.settings({ initialWindowSize: 65_535 });
  await once(stream, 'close');
  assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
});
