import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gunzipSync, gzipSync, inflateSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';

/**
 * Row 2, in compressed messages of gRPC-Web and Connect that nobody asked for: whatever the head of an answer says of them, the
 * sandbox can undo no layer and find the value. Each answer comes whole and byte by byte.
 */
const host = 'api.example.com';
const value = 'sk-real-0123456789abcdefghijklmnopqrstu';
const text = Buffer.from(`so: ${value}, and on`);
let rig: EgressRig;
let sandbox: RigSandbox;

before(async () => {
  rig = await startEgressRig({ names: [host] });
  await rig.secret({ name: 'KEY', value, auth: { type: 'bearer' }, hosts: [host] });
  sandbox = await rig.sandbox({ KEY: 'KEY' });
});
after(() => rig?.stop());

function packed(bytes: Buffer): Buffer {
  const header = Buffer.from([1, 0, 0, 0, 0]);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

/** RFC 1952 section 2.3.1: "FNAME". */
const gzipNamed = (name: string) =>
  Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]),
    Buffer.from(`${name}\0`),
    gzipSync('x').subarray(10),
  ]);

/** RFC 8878 section 3.1.2. */
function skippable(bytes: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x184d2a50, 0);
  header.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([header, Buffer.from(bytes)]);
}

const web = 'Content-Type: application/grpc-web+proto';
const webText = 'Content-Type: application/grpc-web-text';
const inText = (bytes: Buffer) => Buffer.from(bytes.toString('base64'));
const inGzip = 'Grpc-Encoding: gzip';
const inMembers = Buffer.concat([gzipSync(text.subarray(0, 20)), gzipSync(text.subarray(20))]);

const answers: Record<string, { lines: string[]; body: Buffer }> = {
  'of two content types': { lines: [web, web, inGzip], body: packed(gzipSync(text)) },
  'of a list of content types': { lines: [`${web}, application/json`, inGzip], body: packed(gzipSync(text)) },
  'of a list that ends with their type': {
    lines: ['Content-Type: application/json, application/grpc-web', inGzip],
    body: packed(gzipSync(text)),
  },
  'in content that is coded': {
    lines: [web, inGzip, 'Content-Encoding: gzip'],
    body: gzipSync(packed(gzipSync(text))),
  },
  'of Connect in content that is coded': {
    lines: ['Content-Type: application/connect+json', 'Connect-Content-Encoding: gzip', 'Content-Encoding: gzip'],
    body: gzipSync(packed(gzipSync(text))),
  },
  'whose coding is named twice': { lines: [web, inGzip, inGzip], body: packed(gzipSync(text)) },
  'whose coding another protocol names': {
    lines: ['Content-Type: application/connect+json', inGzip],
    body: packed(gzipSync(text)),
  },
  'in several members of gzip': { lines: [web, inGzip], body: packed(inMembers) },
  'with the value for the name of a file': { lines: [web, inGzip], body: packed(gzipNamed(value)) },
  'with the value where decoders skip it': {
    lines: [web, 'Grpc-Encoding: zstd'],
    body: packed(Buffer.concat([skippable(value), zstdCompressSync('x')])),
  },
  'in base64 of two content types': { lines: [webText, webText, inGzip], body: inText(packed(gzipSync(text))) },
  'in base64 of a list of content types': {
    lines: [`${webText}, application/json`, inGzip],
    body: inText(packed(gzipSync(text))),
  },
  'in base64 whose coding is named twice': { lines: [webText, inGzip, inGzip], body: inText(packed(gzipSync(text))) },
};

const layers: ((bytes: Buffer) => Buffer)[] = [
  (bytes) => bytes.subarray(5),
  (bytes) => Buffer.from(bytes.toString('latin1'), 'base64'),
  gunzipSync,
  inflateSync,
  zstdDecompressSync,
];

/** Whether the value is under so many layers, in whatever order. */
function isUnder(bytes: Buffer, depth = 4): boolean {
  if (bytes.includes(value)) return true;
  if (depth === 0 || bytes.length === 0) return false;
  return layers.some((undo) => {
    try {
      return isUnder(undo(bytes), depth - 1);
    } catch {
      return false;
    }
  });
}

/** What of the answer came through, were it cut off. */
async function contentOf(path: string): Promise<Buffer> {
  const connection = await sandbox.connect(host);
  connection.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const pieces: Buffer[] = [];
  connection.socket.on('data', (piece: Buffer) => pieces.push(piece));
  await connection.response().catch(() => undefined);
  connection.close();
  const all = Buffer.concat(pieces);
  assert.ok(!all.includes(value));
  const start = all.indexOf('\r\n\r\n') + 4;
  const head = all.toString('latin1', 0, start);
  if (!/^transfer-encoding:/im.test(head)) return all.subarray(start);
  const content: Buffer[] = [];
  for (let at = start; at < all.length;) {
    const end = all.indexOf('\r\n', at) + 2;
    const length = Number.parseInt(all.toString('latin1', at, end), 16);
    content.push(all.subarray(end, end + length));
    at = end + length + 2;
  }
  return Buffer.concat(content);
}

describe('a value in a compressed message', () => {
  for (const [what, { lines, body }] of Object.entries(answers)) {
    it(`${what} does not come through`, async () => {
      assert.ok(isUnder(body));
      const whole = ['HTTP/1.1 200 OK', ...lines, `Content-Length: ${body.length}`, '', ''].join('\r\n');
      const path = `/${encodeURIComponent(what)}`;
      rig.answer(path, () => ({ bytes: [whole, body] }));
      assert.ok(!isUnder(await contentOf(path)), 'whole');
      const open = ['HTTP/1.1 200 OK', ...lines, 'Transfer-Encoding: chunked', '', ''].join('\r\n');
      const chunks = Array.from(body, (byte) => Buffer.from([0x31, 0x0d, 0x0a, byte, 0x0d, 0x0a]));
      rig.answer(path, () => ({ bytes: [open, ...chunks, '0\r\n\r\n'] }));
      assert.ok(!isUnder(await contentOf(path)), 'byte by byte');
    });
  }
});
