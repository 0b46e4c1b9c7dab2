import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startEgressRig } from '../support/egress-rig.ts';
import type { EgressRig, RigSandbox } from '../support/egress-rig.ts';
import { sized } from '../support/replies.ts';

/** Row 23: however much one sandbox asks for, another waits for a few pieces of that and not for all. One worker. */
const host = 'api.example.com';
const connections = 400;
const requestsEach = 25;
let rig: EgressRig;
let loud: RigSandbox;
let quiet: RigSandbox;

before(async () => {
  rig = await startEgressRig({ names: [host], server: { env: { STANDIN_EGRESS_WORKERS: '1' } } });
  loud = await rig.sandbox();
  quiet = await rig.sandbox();
});
after(async () => {
  await rig?.stop();
});

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

test('a request is answered while the flood of another sandbox has hardly begun to be', async () => {
  rig.answer('/flood', () => sized(200, 'x'));
  rig.answer('/quiet', () => sized(200, 'x'));
  const victim = await quiet.connect(host);
  victim.send(get('/quiet'));
  await victim.response();
  const flood = await Promise.all(Array.from({ length: connections }, () => loud.connect(host)));
  let answered = 0;
  const floods = flood.map(async (connection) => {
    for (let request = 0; request < requestsEach; request++) {
      await connection.response();
      answered += 1;
    }
  });
  for (const connection of flood) connection.send(get('/flood').repeat(requestsEach));
  const waited: number[] = [];
  for (let request = 0; request < 10; request++) {
    const from = answered;
    victim.send(get('/quiet'));
    await victim.response();
    waited.push(answered - from);
  }
  assert.ok(answered < connections * requestsEach, 'the flood was still going on');
  // Without turns each of them waits for one answer of every connection, twice.
  const middle = waited.toSorted((a, b) => a - b)[5] ?? 0;
  assert.ok(middle < connections, `it waited for ${waited.join(', ')} answers of the flood`);
  await Promise.all(floods);
  for (const connection of [...flood, victim]) connection.close();
});
