import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig } from '../support/egress-rig.ts';
import { headerValues } from '../support/http-bytes.ts';

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
