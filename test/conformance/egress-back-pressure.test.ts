import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { piecesOf } from '../support/http-bytes.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { memoryOf, standstill, workerPids } from '../support/processes.ts';
import { sized } from '../support/replies.ts';

const host = 'api.example.com';
const sink = 'sink.example.com';
const mebibyte = 2 ** 20;
const total = 300 * mebibyte;
/** The worker's own ups and downs: its young generation, TLS and socket buffers. */
const room = 96 * mebibyte;

let rig: EgressRig;
let sandbox: RigSandbox;
let worker: number;
const uploads: TLSSocket[] = [];
const sinkServer = createServer({}, (socket) => uploads.push(socket.pause()));

before(async () => {
  const port = await listenOnLoopback(sinkServer);
  rig = await startEgressRig({ names: [host], also: { [`${sink}:443`]: port } });
  const { certPem, keyPem } = rig.authority.issue([sink]);
  sinkServer.setSecureContext({ cert: certPem, key: keyPem });
  sandbox = await rig.sandbox();
  [worker = 0] = workerPids(rig.server.program.pid);
});
after(async () => {
  for (const socket of uploads) socket.destroy();
  sinkServer.close();
  await rig?.stop();
});

/** Resident memory of the worker, bytes. */
const resident = () => memoryOf(worker);

test('a client that reads slowly slows the upstream down, and the worker holds next to nothing', async () => {
  const piece = Buffer.alloc(256 * 1024, 'x');
  let sent = 0;
  rig.answer('/download', () => ({
    bytes: (async function* download() {
      yield `HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`;
      for (; sent < total; sent += piece.length) yield piece;
    })(),
  }));
  const connection = await sandbox.connect(host);
  const { socket } = connection;
  socket.removeAllListeners('data');
  socket.pause();
  const atFirst = resident();
  connection.send(`GET /download HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await standstill(() => sent, { forMs: 500 });
  assert.ok(sent > 0 && sent < total / 4, `${sent / mebibyte} MiB were sent to a client that reads nothing`);
  assert.ok(resident() - atFirst < room);
  let received = 0;
  let most = 0;
  for await (const bytes of piecesOf(socket)) {
    received += bytes.length;
    most = Math.max(most, resident() - atFirst);
    if (received >= total) break;
  }
  assert.ok(received >= total);
  assert.ok(most < room, `the worker grew by ${most / mebibyte} MiB`);
});

test('an upstream that reads slowly slows the client down, and the worker holds next to nothing', async () => {
  const connection = await sandbox.connect(sink);
  const { socket } = connection;
  const atFirst = resident();
  connection.send(`POST /upload HTTP/1.1\r\nHost: ${sink}\r\nContent-Length: ${total}\r\n\r\n`);
  const piece = Buffer.alloc(256 * 1024, 'x');
  let written = 0;
  const writing = (async () => {
    for (; written < total; written += piece.length) await new Promise((resolve) => socket.write(piece, resolve));
  })();
  await standstill(() => written, { forMs: 500 });
  assert.ok(written > 0 && written < total / 4, `${written / mebibyte} MiB went to an upstream that reads nothing`);
  assert.ok(resident() - atFirst < room);
  const [upload] = uploads;
  assert.ok(upload !== undefined);
  let received = 0;
  let most = 0;
  for await (const bytes of piecesOf(upload)) {
    received += bytes.length;
    most = Math.max(most, resident() - atFirst);
    if (received >= total) break;
  }
  await writing;
  assert.ok(most < room, `the worker grew by ${most / mebibyte} MiB`);
  connection.close();
});

test('a client that asks on and reads nothing is not answered on', async () => {
  const count = 4000;
  rig.answer('/many', () => sized(200, 'x'.repeat(60_000)));
  const connection = await sandbox.connect(host);
  const { socket } = connection;
  socket.removeAllListeners('data');
  socket.pause();
  const atFirst = resident();
  connection.send(`GET /many HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(count));
  const asked = await standstill(() => rig.requestsFor('/many').length, { forMs: 500 });
  assert.ok(asked < count / 4, `${asked} of ${count} requests were answered`);
  assert.ok(resident() - atFirst < room);
  let received = 0;
  for await (const bytes of piecesOf(socket)) {
    received += bytes.length;
    if (received >= count * 60_000 && rig.requestsFor('/many').length === count) break;
  }
  assert.equal(rig.requestsFor('/many').length, count, 'the rest is answered when it reads');
});
