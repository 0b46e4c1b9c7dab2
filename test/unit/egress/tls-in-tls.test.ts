import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import { StreamOver } from '../../../src/egress/tls/over-stream.ts';
import { terminateTls } from '../../../src/egress/tls/terminate.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { piecesOf } from '../../support/http-bytes.ts';
import { listenOnLoopback } from '../../support/ports.ts';
import { workerParts } from './worker-parts.ts';

const name = 'api.example.com';
const authority = makeAuthority();
const { certPem, keyPem } = authority.issue([name]);
const secureContext = createSecureContext({ cert: certPem, key: keyPem });
/** More than the system's socket buffers take. */
const much = 16 * 2 ** 20;
const open: { destroy(): void }[] = [];
after(() => open.forEach((each) => each.destroy()));

/** Both ends of TLS over a TCP connection. */
async function outerPair(): Promise<{ client: TLSSocket; accepted: TLSSocket }> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  open.push({ destroy: () => server.close() });
  const raw = connectTcp({ port, host: '127.0.0.1' });
  const socket = await new Promise<Socket>((resolve) => server.once('connection', resolve));
  const accepted = new TLSSocket(socket, { isServer: true, secureContext });
  const client = connectTls({ socket: new StreamOver(raw), servername: name, ca: authority.certPem });
  for (const each of [client, accepted]) each.on('error', () => undefined);
  open.push(raw, socket, client, accepted);
  await once(client, 'secureConnect');
  return { client, accepted };
}

/** What a client of TLS says first. */
async function clientHello(): Promise<Buffer> {
  return await new Promise((resolve) => {
    const stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        resolve(chunk);
        done();
      },
    });
    open.push(connectTls({ socket: stream, servername: name }).on('error', () => undefined));
  });
}

test('a write to the outer TLS while the one inside writes as well is queued, and does not end the process', async () => {
  const { client, accepted } = await outerPair();
  const { context, control } = workerParts();
  control.certificate = { cert: certPem, key: keyPem, notAfter: Date.now() + 30 * 86_400_000 };
  await context.contexts.load(name);
  client.write(await clientHello());
  accepted.pause();
  const hello = await new Promise<Buffer>((resolve) => accepted.resume().once('data', resolve));
  accepted.pause();
  accepted.unshift(hello);
  terminateTls(context, accepted, {
    host: name,
    sandboxId: null,
    share: context.turns.holdOpen('box', accepted),
    offers: ['http/1.1'],
    serve: () => undefined,
    failed: () => undefined,
  });
  accepted.write(Buffer.alloc(much));
  assert.ok(accepted.writableLength > 0, 'the client reads nothing yet');
  let received = 0;
  for await (const piece of piecesOf(client)) {
    const serverHello = received <= much && received + piece.length > much ? piece[much - received] : undefined;
    received += piece.length;
    if (received <= much) continue;
    assert.equal(serverHello, 0x16, 'the ServerHello follows what was written before');
    break;
  }
});
