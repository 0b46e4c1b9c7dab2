import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig } from '../support/egress-rig.ts';
import { waitUntil } from '../support/processes.ts';
import { startWebhookEndpoint, verifiedBody } from '../support/webhook-endpoint.ts';
import type { WebhookEndpoint } from '../support/webhook-endpoint.ts';

/** Row 1: a stand-in out of place is told of to whoever the team named, signed, and without it. */
const host = 'api.example.com';
let rig: EgressRig;
let endpoint: WebhookEndpoint;

before(async () => {
  endpoint = await startWebhookEndpoint((response) => response.end());
  rig = await startEgressRig({ names: [host] });
});
after(async () => {
  await rig?.stop();
  endpoint?.stop();
});

test('a tripwire event arrives at the webhook of the team, signed, with the slot and without the stand-in', async () => {
  const { client } = rig.server;
  const { port, received } = endpoint;
  const { secret, id } = await client.webhooks.create({ url: `http://127.0.0.1:${port}/` });
  assert.ok(!JSON.stringify(await client.webhooks.list()).includes(secret));
  await rig.secret({ name: 'key', auth: { type: 'bearer' }, hosts: [host] });
  const sandbox = await rig.sandbox({ KEY: 'key' });
  const connection = await sandbox.connect(host);
  connection.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nReferer: https://x/${sandbox.standIn('KEY')}\r\n\r\n`);
  assert.equal((await connection.response()).status, 403);
  connection.close();
  await waitUntil(() => received.length > 0, { what: 'the delivery' });
  const [delivery] = received;
  assert.ok(delivery !== undefined);
  const { type, data } = verifiedBody(delivery, secret);
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
  assert.ok(!delivery.body.includes(sandbox.standIn('KEY')));
  await client.webhooks.remove(id);
  assert.deepEqual(await client.webhooks.list(), []);
});
