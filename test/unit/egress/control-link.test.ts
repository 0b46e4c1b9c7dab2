import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObservedEvent } from '../../../src/audit-rows.ts';
import { ControlLink } from '../../../src/egress/control-link.ts';
import type { FromWorker } from '../../../src/egress/ipc.ts';

const event: ObservedEvent = { kind: 'connection', ts: 1, sandboxId: 'box', teamId: 'team', host: 'example.com' };
const stray: ObservedEvent = {
  ...event,
  kind: 'request',
  request: {
    method: 'GET',
    path: '/',
    status: 403,
    upstreamStatus: null,
    latencyMs: 1,
    errorCode: 'credential_blocked',
    secretIds: [],
    foreign: [{ fingerprint: '00', slot: 'path' }],
  },
};

test('what is settled stands still at the oldest event that is not durable, wherever that is', (t) => {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout'], now: 1000 });
  const batches: number[] = [];
  const link = new ControlLink((message: FromWorker) => {
    if (message.type === 'events') batches.push(message.id);
  });
  const settledAt = () => link.settledAt(Date.now());
  assert.equal(settledAt(), 1000, 'nothing is under way');

  link.record(event);
  t.mock.timers.tick(10);
  link.record(event);
  assert.equal(settledAt(), 1000, 'it waits to be sent');
  t.mock.timers.tick(90);
  assert.equal(batches.length, 1);
  assert.equal(settledAt(), 1000, 'it was sent');

  t.mock.timers.tick(100);
  link.record(event);
  t.mock.timers.tick(100);
  const [first = 0, second = 0] = batches;
  link.receive({ type: 'answer', id: second, ok: true, result: { what: 'recorded' } });
  assert.equal(settledAt(), 1000, 'a later one is durable, it is not');
  link.receive({ type: 'answer', id: first, ok: false });
  assert.equal(settledAt(), 1000, 'it could not be written');
  t.mock.timers.tick(250);
  const again = batches.at(-1) ?? 0;
  assert.notEqual(again, second);
  assert.equal(settledAt(), 1000, 'it was sent again');
  link.receive({ type: 'answer', id: again, ok: true, result: { what: 'recorded' } });
  assert.equal(settledAt(), Date.now());
});

test('a stand-in out of place is told of soon, with what came before it', (t) => {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout'], now: 1000 });
  const batches: number[] = [];
  const link = new ControlLink((message: FromWorker) => {
    if (message.type === 'events') batches.push(message.batch.count);
  });
  link.record(event);
  link.record(stray);
  link.record(stray);
  t.mock.timers.tick(25);
  assert.deepEqual(batches, [3]);
  link.record(event);
  t.mock.timers.tick(99);
  assert.deepEqual(batches, [3], 'the next is in no hurry');
  t.mock.timers.tick(1);
  assert.deepEqual(batches, [3, 1]);
});
