import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';
import { sized } from '../support/replies.ts';
import type { Reply } from '../support/replies.ts';

const bound = 'grpc.example.com';
const other = 'other.example.com';
let rig: EgressRig;

before(async () => {
  rig = await startEgressRig({ names: [bound, other] });
});
after(async () => {
  await rig?.stop();
});

test('a host whose answers are searched is told that messages come uncompressed, another what the client said', async () => {
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [bound] });
  const sandbox = await rig.sandbox({ KEY: 'key' });
  for (const [host, expected] of [
    [bound, 'identity'],
    [other, 'identity, deflate, gzip'],
  ] as const) {
    const connection = await sandbox.connect(host);
    const lines = [`Host: ${host}`, 'Grpc-Accept-Encoding: identity, deflate, gzip', 'Content-Length: 0'];
    lines.push('Connect-Accept-Encoding: identity, deflate, gzip');
    connection.send(`POST /calls HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    assert.equal((await connection.response('POST')).status, 200);
    const head = rig.requestsFor('/calls').at(-1)?.head ?? { headers: [] };
    assert.deepEqual(headerValues(head, 'grpc-accept-encoding'), [expected]);
    assert.deepEqual(headerValues(head, 'connect-accept-encoding'), [expected]);
    connection.close();
  }
});

test('a compressed message is undone and searched, also where all of the answer came at once', async () => {
  const value = await rig.secret({ name: 'echoed', auth: { type: 'bearer' }, hosts: [bound] });
  const sandbox = await rig.sandbox({ KEY: 'echoed' });
  const packed = gzipSync(`<${value}>`);
  const message = Buffer.concat([Buffer.from([1, 0, 0, 0, packed.length]), packed]);
  const answers = [
    { 'Content-Type': 'application/grpc', 'Grpc-Encoding': 'gzip' },
    { 'Content-Type': 'application/grpc-web+proto', 'Grpc-Encoding': 'gzip' },
    { 'Content-Type': 'application/connect+json', 'Connect-Content-Encoding': 'gzip' },
  ].flatMap((headers, index) => {
    const whole = sized(200, message, headers);
    rig.answer(`/echo/${index}/whole`, () => whole);
    rig.answer(`/echo/${index}/pieces`, () => ({ bytes: piecesOf(whole) }));
    return [`/echo/${index}/whole`, `/echo/${index}/pieces`];
  });
  for (const path of answers) {
    const connection = await sandbox.connect(bound);
    connection.send(`GET ${path} HTTP/1.1\r\nHost: ${bound}\r\n\r\n`);
    const { content } = (await connection.response()).body;
    assert.equal(
      gunzipSync(content.subarray(5)).toString(),
      `<${sandbox.standIn('KEY').slice(0, value.length)}>`,
      path,
    );
    connection.close();
  }
});

test('an answer of compressed messages in base64 is refused', async () => {
  const value = await rig.secret({ name: 'packed', auth: { type: 'bearer' }, hosts: [bound] });
  const sandbox = await rig.sandbox({ KEY: 'packed' });
  const packed = gzipSync(value);
  const text = Buffer.concat([Buffer.from([1, 0, 0, 0, packed.length]), packed]).toString('base64');
  const headers = { 'Content-Type': 'application/grpc-web-text+proto', 'Grpc-Encoding': 'gzip' };
  rig.answer('/echo/text', () => sized(200, text, headers));
  const connection = await sandbox.connect(bound);
  connection.send(`GET /echo/text HTTP/1.1\r\nHost: ${bound}\r\n\r\n`);
  const { status, body } = await connection.response();
  assert.equal(status, 502);
  assert.match(body.content.toString(), /response_unreadable/);
  connection.close();
});

/** Byte by byte. */
async function* piecesOf({ bytes }: Reply): AsyncGenerator<Buffer> {
  for await (const piece of bytes) for (const byte of Buffer.from(piece)) yield Buffer.from([byte]);
}
