import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import { after, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { askHttp2, openHttp2Session } from '../support/http2-client.ts';
import { sized } from '../support/replies.ts';

/** Row 23: how long a request's head may be is the operator's to say, of both versions, and the refusal says so. */
const host = 'api.example.com';
const rigs: EgressRig[] = [];
after(async () => {
  for (const rig of rigs) await rig.stop();
});

async function startRig(headBytes: string): Promise<{ rig: EgressRig; sandbox: RigSandbox }> {
  const rig = await startEgressRig({ names: [host], server: { env: { STANDIN_EGRESS_MAX_HEAD_BYTES: headBytes } } });
  rigs.push(rig);
  rig.answer('/', () => sized(200, 'ok'));
  return { rig, sandbox: await rig.sandbox() };
}

/** A request of exactly so many bytes, its empty line included. */
function requestOf(bytes: number): string {
  const start = `GET / HTTP/1.1\r\nHost: ${host}\r\nX: `;
  return `${start.padEnd(bytes - 4, 'x')}\r\n\r\n`;
}

async function statusOf(client: ClientHttp2Session, field: string): Promise<{ status: unknown; body: string }> {
  const { headers, body } = await askHttp2(client, { ':path': '/', ':authority': host, x: field });
  return { status: headers[':status'], body: body.toString() };
}

test('a head may have what was set and not a byte more, and the refusal names limit and setting', async () => {
  const { sandbox } = await startRig('4096');
  const connection = await sandbox.connect(host);
  connection.send(requestOf(4096));
  assert.equal((await connection.response()).status, 200);
  connection.send(requestOf(4097));
  const refused = await connection.response();
  assert.deepEqual([refused.status, refused.header('x-standin-error')], [431, 'head_too_large']);
  assert.match(refused.body.content.toString(), /head over 4096 bytes .*STANDIN_EGRESS_MAX_HEAD_BYTES/);
  connection.close();
});

test('a client of HTTP/2 is told the limit before it asks, and refused past it', async () => {
  const { sandbox } = await startRig('4096');
  const client = await openHttp2Session(sandbox, host);
  await new Promise((resolve) => client.once('remoteSettings', resolve));
  assert.equal(client.remoteSettings.maxHeaderListSize, 4096);
  assert.equal((await statusOf(client, 'x'.repeat(3000))).status, 200);
  const { status, body } = await statusOf(client, 'x'.repeat(4097));
  assert.equal(status, 431);
  assert.match(body, /head over 4096 bytes .*STANDIN_EGRESS_MAX_HEAD_BYTES/);
  assert.equal((await statusOf(client, 'x')).status, 200, 'the connection goes on');
  client.destroy();
});

test('a limit that was raised lets long heads through, whole and in small pieces', async () => {
  const { rig, sandbox } = await startRig('1048576');
  const connection = await sandbox.connect(host);
  connection.send(requestOf(1_048_576));
  assert.equal((await connection.response()).status, 200);
  const request = Buffer.from(requestOf(300_000), 'latin1');
  for (let at = 0; at < request.length; at += 1000) connection.send(request.subarray(at, at + 1000));
  assert.equal((await connection.response()).status, 200);
  assert.deepEqual(
    rig.requestsFor('/').map(({ head }) => head.headers.find(([name]) => name === 'X')?.[1].length),
    [1_048_576, 300_000].map((bytes) => bytes - `GET / HTTP/1.1\r\nHost: ${host}\r\nX: \r\n\r\n`.length),
  );
  connection.close();
  const client = await openHttp2Session(sandbox, host);
  // What node:http2 sends at the most.
  assert.equal((await statusOf(client, 'x'.repeat(60_000))).status, 200);
  client.destroy();
});
