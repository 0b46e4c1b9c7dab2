import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { headerValues, piecesOf } from '../support/http-bytes.ts';
import type { ByteReader } from '../support/http-bytes.ts';
import { sized } from '../support/replies.ts';

const host = 'api.example.com';
let rig: EgressRig;
let sandbox: RigSandbox;
const upstreamSockets: TLSSocket[] = [];

before(async () => {
  rig = await startEgressRig({ names: [host], onConnection: (socket) => void upstreamSockets.push(socket) });
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'key' });
});
after(async () => {
  await rig?.stop();
});

function get(path: string, ...lines: string[]): string {
  return [`GET ${path} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n');
}

function inverted(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => 255 - byte));
}

/** An unmasked frame of up to 64 KB (RFC 6455 section 5.2). */
function binaryFrame(payload: Buffer): Buffer {
  const header = Buffer.from([0x82, 126, 0, 0]);
  header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}

/** What the next frames hold, until there are so many bytes of it. */
async function payloads(reader: ByteReader, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let left = length; left > 0; left -= parts.at(-1)?.length ?? 0) {
    const [, short = 0] = await reader.exactly(2);
    parts.push(await reader.exactly(short === 126 ? (await reader.exactly(2)).readUInt16BE() : short));
  }
  return Buffer.concat(parts);
}

describe('WebSocket', () => {
  const handshake = (...lines: string[]) =>
    get('/socket', 'Connection: keep-alive, Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', ...lines);

  test('the credential goes into the handshake, then frames pass both ways as they are', async () => {
    const value = await rig.secret({ name: 'socket', auth: { type: 'bearer' }, hosts: [host] });
    const own = await rig.sandbox({ KEY: 'socket' });
    const connection = await own.connect(host);
    rig.answer('/socket', ({ connection: { index } }) => ({
      bytes: (async function* frames() {
        const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nX-A: b\r\n\r\n';
        yield Buffer.from(`${head}\x81\x05hello`, 'latin1');
        const socket = upstreamSockets[index];
        if (socket !== undefined) for await (const bytes of piecesOf(socket)) yield binaryFrame(inverted(bytes));
      })(),
    }));
    const early = randomBytes(1000);
    connection.send(Buffer.concat([Buffer.from(handshake(`Authorization: Bearer ${own.standIn('KEY')}`)), early]));
    const response = await connection.response();
    assert.equal(response.status, 101);
    assert.equal(response.header('upgrade'), 'WebSocket');
    assert.equal(response.header('connection'), 'Upgrade');
    assert.equal((await connection.reader.until('hello')).toString('latin1'), '\x81\x05hello');
    assert.ok((await payloads(connection.reader, 1000)).equals(inverted(early)), 'what was sent too early');
    const [request] = rig.requestsFor('/socket');
    assert.deepEqual(headerValues(request?.head ?? { headers: [] }, 'authorization'), [`Bearer ${value}`]);
    assert.deepEqual(headerValues(request?.head ?? { headers: [] }, 'connection'), ['Upgrade']);
    const later = randomBytes(100_000);
    connection.send(later);
    assert.ok((await payloads(connection.reader, later.length)).equals(inverted(later)));
    connection.close();
    await request?.connection.closed;
    const row = await rig.auditRow('socket', ({ path }) => path === '/socket');
    assert.deepEqual([row.status, row.upstream_status, row.error_code], [101, 101, null]);
  });

  test('the upstream ends it: the client sees the end', async () => {
    const connection = await sandbox.connect(host);
    rig.answer('/socket', () => ({
      bytes: [
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
        Buffer.from('\x81\x03bye', 'latin1'),
      ],
      close: 'end',
    }));
    connection.send(handshake());
    assert.equal((await connection.response()).status, 101);
    assert.equal((await connection.reader.toEnd()).toString('latin1'), '\x81\x03bye');
  });

  test('the upstream does not switch: its answer is an answer, and the connection goes on', async () => {
    const connection = await sandbox.connect(host);
    rig.answer('/socket', () => sized(426, 'no', { Upgrade: 'h2c' }));
    connection.send(handshake());
    const response = await connection.response();
    assert.equal(response.status, 426);
    assert.equal(response.header('upgrade'), undefined);
    connection.send(get('/after-426'));
    assert.equal((await connection.response()).status, 200);
    connection.close();
  });
});
