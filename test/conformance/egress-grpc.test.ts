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
    connection.send(`POST /calls HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    assert.equal((await connection.response('POST')).status, 200);
    const head = rig.requestsFor('/calls').at(-1)?.head ?? { headers: [] };
    assert.deepEqual(headerValues(head, 'grpc-accept-encoding'), [expected]);
    connection.close();
  }
});

test('a compressed message is undone and searched, also where all of the answer came at once', async () => {
  const value = await rig.secret({ name: 'echoed', auth: { type: 'bearer' }, hosts: [bound] });
  const sandbox = await rig.sandbox({ KEY: 'echoed' });
  const packed = gzipSync(`<${value}>`);
  const message = Buffer.concat([Buffer.from([1, 0, 0, 0, packed.length]), packed]);
  const headers = { 'Content-Type': 'application/grpc', 'Grpc-Encoding': 'gzip' };
  const whole = sized(200, message, headers);
  rig.answer('/echo/whole', () => whole);
  rig.answer('/echo/pieces', () => ({ bytes: piecesOf(whole) }));
  for (const path of ['/echo/whole', '/echo/pieces']) {
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

/** Byte by byte. */
async function* piecesOf({ bytes }: Reply): AsyncGenerator<Buffer> {
  for await (const piece of bytes) for (const byte of Buffer.from(piece)) yield Buffer.from([byte]);
}
