import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig } from '../support/egress-rig.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { waitUntil } from '../support/processes.ts';

/** Row 1: a stand-in out of place is told of to whoever the team named, signed, and without it. */
const host = 'api.example.com';
let rig: EgressRig;
const received: { headers: Record<string, unknown>; body: string }[] = [];
const endpoint = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => void (body += text));
  request.on('end', () => {
    received.push({ headers: request.headers, body });
    response.end();
  });
});

before(async () => {
  rig = await startEgressRig({ names: [host] });
});
after(async () => {
  await rig?.stop();
  endpoint.close();
});

test('a tripwire event arrives at the webhook of the team, signed, with the slot and without the stand-in', async () => {
  const port = await listenOnLoopback(endpoint);
  const { client } = rig.server;
  const { secret, id } = await client.webhooks.create({ url: `http://127.0.0.1:${port}/` });
  assert.ok(!JSON.stringify(await client.webhooks.list()).includes(secret));
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  const sandbox = await rig.sandbox({ KEY: 'key' });
  const connection = await sandbox.connect(host);
  connection.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nReferer: https://x/${sandbox.standIn('KEY')}\r\n\r\n`);
  assert.equal((await connection.response()).status, 403);
  connection.close();
  await waitUntil(() => received.length > 0, { what: 'the delivery' });
  const { headers, body } = received[0] ?? { headers: {}, body: '' };
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  const mac = createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
    .update(signed)
    .digest('base64');
  assert.equal(headers['webhook-signature'], `v1,${mac}`);
  const { type, data } = JSON.parse(body);
  assert.equal(type, 'tripwire');
  assert.deepEqual(data, {
    sandbox_id: sandbox.id,
    secret: 'key',
    host,
    slot: 'header referer',
    stand_in: 'own',
    action: 'alert',
    error_code: 'credential_host_mismatch',
  });
  assert.ok(!body.includes(sandbox.standIn('KEY')));
  await client.webhooks.remove(id);
  assert.deepEqual(await client.webhooks.list(), []);
});
