import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { serveDnsOverTcp } from '../../src/egress/listeners/dns.ts';
import { SyntheticDns } from '../../src/egress/listeners/synthetic-dns.ts';
import { ClientHelloReader } from '../../src/egress/wire/client-hello.ts';
import { startEgressRig } from '../support/egress-rig.ts';
import { connectPlain } from '../support/proxy-client.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { memoryOf, waitUntil, workerPids } from '../support/processes.ts';

/** A ClientHello that never gets whole, each byte in a record of its own. */
function splitHello(bytes: number): Buffer {
  const message = Buffer.alloc(bytes);
  message.writeUInt8(1, 0);
  message.writeUIntBE(bytes, 1, 3);
  return Buffer.concat([...message].map((byte) => Buffer.from([0x16, 3, 1, 0, 1, byte])));
}

test('a ClientHello in thousands of one-byte records does not hold the process up', () => {
  const records = splitHello(5400);
  const times = Array.from({ length: 3 }, () => {
    const before = performance.now();
    assert.equal(new ClientHelloReader().read(records).kind, 'more');
    return performance.now() - before;
  });
  // Joined at every record, it took half a second.
  assert.ok(Math.min(...times) < 100, `${times.join(', ')} ms`);
});

test('a ClientHello that comes byte by byte is looked at once', (t) => {
  const lengths = t.mock.method(Buffer.prototype, 'readUInt16BE');
  const records = splitHello(2000);
  const reader = new ClientHelloReader();
  for (let end = 1; end <= records.length; end++) assert.equal(reader.read(records.subarray(0, end)).kind, 'more');
  assert.ok(lengths.mock.callCount() <= 2 * 2000, `${lengths.mock.callCount()} looks at 2,000 records`);
});

test('a ClientHello is read whole from one-byte records', () => {
  const body = Buffer.concat([Buffer.alloc(34), Buffer.from([0, 0, 2, 0x13, 1, 1, 0])]);
  const message = Buffer.concat([Buffer.from([1, 0, 0, body.length]), body]);
  const records = Buffer.concat([...message].map((byte) => Buffer.from([0x16, 3, 1, 0, 1, byte])));
  assert.deepEqual(new ClientHelloReader().read(records), { kind: 'hello', serverName: null });
  assert.deepEqual(new ClientHelloReader().read(records.subarray(0, -6)), { kind: 'more' });
  const reader = new ClientHelloReader();
  for (let end = 1; end < records.length; end++)
    assert.deepEqual(reader.read(Buffer.from(records.subarray(0, end))), { kind: 'more' });
  assert.deepEqual(reader.read(records), { kind: 'hello', serverName: null });
});

test('who asks for names over TCP and never reads the answers is no longer read from', async () => {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    serveDnsOverTcp(socket, new SyntheticDns());
    accepted.resolve(socket);
  });
  const client = connect(await listenOnLoopback(server), '127.0.0.1');
  try {
    client.on('error', () => undefined);
    client.pause();
    // RFC 1035 section 4.1: one question, for `a`, of type A and class IN; 19 bytes after the length of two.
    const query = Buffer.from('001300000100000100000000000001610000010001', 'hex');
    const queries = Buffer.alloc(query.length * 3000, query);
    const served = await accepted.promise;
    let answered = 0;
    await waitUntil(
      () => {
        while (client.writableLength < 8 * 1024 * 1024) client.write(queries);
        if (served.isPaused()) return true;
        assert.ok(served.writableLength < 4 * 1024 * 1024, `${served.writableLength} bytes are queued`);
        return false;
      },
      { what: 'the server to stop reading' },
    );
    client.on('data', (bytes: Buffer) => (answered += bytes.length));
    client.resume();
    await waitUntil(() => answered > 16 * 1024 * 1024 || client.writableLength === 0, {
      what: 'the server to go on when its answers are read',
    });
  } finally {
    client.destroy();
    (await accepted.promise).destroy();
    server.close();
    await once(server, 'close');
  }
});

test('proxy credentials as long as a head are refused, and not remembered', async () => {
  const rig = await startEgressRig({ names: ['api.test'] });
  try {
    const sandbox = await rig.sandbox();
    const long = Buffer.from(`${'A'.repeat(40_000)}:x`).toString('base64');
    // More than the ten failures after which an id that is remembered is answered 429.
    for (let attempt = 0; attempt < 12; attempt++) {
      const connection = await connectPlain(sandbox.access);
      connection.send(`GET http://api.test/ HTTP/1.1\r\nHost: api.test\r\nProxy-Authorization: Basic ${long}\r\n\r\n`);
      assert.equal((await connection.response()).status, 407);
      connection.close();
    }
  } finally {
    await rig.stop();
  }
});

test('heads of 60 KB that wait to be recorded do not fill the memory of their worker', async () => {
  const rig = await startEgressRig({ names: ['api.test'] });
  try {
    const { access } = await rig.sandbox();
    const [worker = 0] = workerPids(rig.server.program.pid);
    const before = memoryOf(worker) / 2 ** 20;
    const path = `/${'p'.repeat(60_000)}`;
    const request = `GET http://127.0.0.1${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nProxy-Authorization: ${access.authorization}\r\n\r\n`;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const connection = await connectPlain(access);
        for (let round = 0; round < 600; round += 20) {
          connection.send(request.repeat(20));
          for (let index = 0; index < 20; index++) assert.equal((await connection.response()).status, 403);
        }
        connection.close();
      }),
    );
    const grown = memoryOf(worker) / 2 ** 20 - before;
    assert.ok(grown < 300, `${grown} MiB more for 4,800 requests`);
  } finally {
    await rig.stop();
  }
});
