import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { waitUntil } from '../support/processes.ts';

/** Row 1: where the secret says so, a stand-in that is seen out of place stops working within a second. */
const host = 'api.example.com';
let rig: EgressRig;

before(async () => {
  rig = await startEgressRig({ names: [host] });
  await rig.secret({ name: 'strict', auth: { type: 'bearer' }, hosts: [host], on_tripwire: 'revoke' });
  await rig.secret({ name: 'mild', auth: { type: 'bearer' }, hosts: [host] });
});
after(() => rig?.stop());

async function request(sandbox: RigSandbox, ...lines: string[]): Promise<number> {
  const connection = await sandbox.connect(host);
  connection.send([`GET / HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n'));
  const { status } = await connection.response();
  connection.close();
  return status;
}

const bearer = (standIn: string) => `Authorization: Bearer ${standIn}`;

/** Milliseconds until the sandbox's own stand-in in its slot is refused. */
async function timeToRefusal(sandbox: RigSandbox): Promise<number> {
  const start = performance.now();
  await waitUntil(async () => (await request(sandbox, bearer(sandbox.standIn('KEY')))) === 403, {
    what: 'the stand-in to be refused',
  });
  return performance.now() - start;
}

test('its binding is detached, an open stream ends, the event says so, and other bindings go on', async () => {
  const sandbox = await rig.sandbox({ KEY: 'strict', OTHER: 'mild' });
  const sibling = await rig.sandbox({ KEY: 'strict' });
  rig.answer('/stream', () => ({
    bytes: (async function* bytes() {
      yield 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n';
      await new Promise(() => undefined);
    })(),
  }));
  const stream = await sandbox.connect(host);
  stream.send(`GET /stream HTTP/1.1\r\nHost: ${host}\r\n${bearer(sandbox.standIn('KEY'))}\r\n\r\n`);
  await stream.reader.until('first');
  const ended = stream.reader.toEnd();
  const start = performance.now();
  assert.equal(await request(sandbox, `Referer: https://x/?k=${sandbox.standIn('KEY')}`), 403);
  await ended;
  assert.ok(performance.now() - start < 1000, `the stream ended after ${performance.now() - start} ms`);
  assert.ok((await timeToRefusal(sandbox)) < 1000);
  const { secrets } = await rig.server.client.sandboxes.get(sandbox.id);
  assert.deepEqual(
    secrets.map((each) => each.env_key),
    ['OTHER'],
  );
  assert.equal(await request(sandbox, bearer(sandbox.standIn('OTHER'))), 200);
  assert.equal(await request(sibling, bearer(sibling.standIn('KEY'))), 200, 'the same secret elsewhere');
  const events = await rig.server.client.secrets.audit('strict', { kind: 'tripwire' });
  assert.deepEqual(events.at(-1)?.tripwire, { stand_in: 'own', slot: 'header referer', action: 'revoke' });
});

test('one that another sandbox sends is lost to the sandbox that leaked it, and to no other', async () => {
  const careless = await rig.sandbox({ KEY: 'strict' });
  const thief = await rig.sandbox({ KEY: 'strict' });
  assert.equal(await request(careless, bearer(careless.standIn('KEY'))), 200);
  assert.equal(await request(thief, bearer(careless.standIn('KEY'))), 403);
  assert.ok((await timeToRefusal(careless)) < 1000);
  assert.equal(await request(thief, bearer(thief.standIn('KEY'))), 200);
});

test('by default it goes on working, until the secret is told otherwise', async () => {
  const sandbox = await rig.sandbox({ KEY: 'mild' });
  assert.equal(await request(sandbox, `Origin: ${sandbox.standIn('KEY')}`), 403);
  await waitUntil(async () => (await rig.server.client.secrets.audit('mild', { kind: 'tripwire' })).length > 0, {
    what: 'the event',
  });
  assert.equal(await request(sandbox, bearer(sandbox.standIn('KEY'))), 200);
  const changed = await rig.server.client.secrets.setOnTripwire('mild', 'revoke');
  assert.equal(changed.on_tripwire, 'revoke');
  assert.equal(await request(sandbox, `Origin: ${sandbox.standIn('KEY')}`), 403);
  assert.ok((await timeToRefusal(sandbox)) < 1000);
});
