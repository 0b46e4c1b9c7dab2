import assert from 'node:assert/strict';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { after, before, mock, test } from 'node:test';
import { TLSSocket, connect, createSecureContext } from 'node:tls';
import { LentWriter } from '../../../src/egress/lent-writer.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { listenOnLoopback } from '../../support/ports.ts';

const authority = makeAuthority();
const certificate = authority.issue(['api.example.com']);
const secureContext = createSecureContext({ cert: certificate.certPem, key: certificate.keyPem });
let accepted: (socket: TLSSocket) => void = () => {};
const server = createServer((socket: Socket) => {
  const secured = new TLSSocket(socket, { isServer: true, secureContext });
  secured.once('secure', () => accepted(secured));
});
let port = 0;

before(async () => {
  port = await listenOnLoopback(server);
});
after(() => server.close());

test('what is lent arrives whole and in order, though its buffer is overwritten right after each call', async () => {
  const { near, far } = await pair();
  const received = createHash('sha256');
  const sent = createHash('sha256');
  far.on('data', (bytes: Buffer) => received.update(bytes));
  far.resume();
  const idle = Promise.withResolvers<void>();
  let resume = idle;
  const writer = new LentWriter(near, () => resume.resolve());
  const lent = Buffer.alloc(64 * 1024);
  for (let round = 0; round < 400; round++) {
    let goOn = true;
    // A burst as one read of the kernel brings it: several pieces in one turn of the loop.
    for (let piece = 0; piece < 4; piece++) {
      const part = lent.subarray(0, randomInt(1, 16 * 1024));
      randomBytes(part.length).copy(part);
      sent.update(part);
      goOn = writer.write(part);
      lent.fill(0);
    }
    if (goOn) {
      await new Promise((resolve) => setImmediate(resolve));
    } else {
      await resume.promise;
      resume = Promise.withResolvers();
    }
  }
  writer.finish();
  near.end();
  await once(far, 'end');
  assert.equal(received.digest('hex'), sent.digest('hex'));
});

test('a client that reads nothing makes the writer ask for a pause, and gets everything when it reads on', async () => {
  const { near, far } = await pair();
  const writer = new LentWriter(near, () => {});
  let written = 0;
  let asked = false;
  // Past every buffer on the way: the kernel's, TLS's and the writer's.
  while (written < 16 * 1024 * 1024) {
    asked = !writer.write(Buffer.alloc(16 * 1024, 'x')) || asked;
    written += 16 * 1024;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(asked, true);
  let received = 0;
  far.on('data', (bytes: Buffer) => (received += bytes.length));
  far.resume();
  writer.finish();
  near.end();
  await once(far, 'end');
  assert.equal(received, written);
});

test('long pieces that come in one turn of the loop leave in one write', async () => {
  const { near, far } = await pair();
  const write = mock.method(near, 'write');
  const writer = new LentWriter(near, () => {});
  const piece = Buffer.alloc(16 * 1024, 'x');
  for (let index = 0; index < 3; index++) writer.write(piece);
  writer.write(Buffer.from('the end'));
  assert.equal(write.mock.callCount(), 0, 'its like may be right behind it');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    write.mock.calls.map((call) => call.arguments[0].length),
    [3 * piece.length + 7],
  );
  near.end();
  far.resume();
  await once(far, 'end');
});

test('a short piece, such as an event of a stream, leaves at once', async () => {
  const { near, far } = await pair();
  const write = mock.method(near, 'write');
  new LentWriter(near, () => {}).write(Buffer.from('data: hello\n\n'));
  assert.equal(write.mock.callCount(), 1);
  near.end();
  far.resume();
  await once(far, 'end');
});

async function pair(): Promise<{ near: TLSSocket; far: TLSSocket }> {
  const arrived = new Promise<TLSSocket>((resolve) => (accepted = resolve));
  const far = connect({ host: '127.0.0.1', port, servername: 'api.example.com', ca: authority.certPem });
  far.pause();
  return { near: await arrived, far };
}
