import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlLink } from '../../../src/egress/control-link.ts';
import { Backlog } from '../../../src/egress/backlog.ts';
import { recordRequest } from '../../../src/egress/recorder.ts';
import type { FromWorker } from '../../../src/egress/ipc.ts';
import { workerParts } from './worker-parts.ts';

/** Adds events of a sandbox until there is no room; answers how many there were. */
function fill(backlog: Backlog, sandboxId: string): number {
  let count = 0;
  for (; backlog.hasRoom(sandboxId); count++) backlog.add(sandboxId, 1);
  return count;
}

test('a sandbox that floods leaves half of the room to others, and what is left is shared out so again', () => {
  const backlog = new Backlog();
  assert.equal(fill(backlog, 'loud'), 10_000);
  assert.ok(backlog.hasRoom('quiet'));
  assert.equal(fill(backlog, 'second'), 5000);
  assert.ok(!backlog.hasRoom('loud'));
});

test('a sandbox with few events waiting has room as long as there is any at all', () => {
  const backlog = new Backlog();
  for (let sandbox = 0; backlog.hasRoom(null); sandbox++) fill(backlog, `flood-${sandbox}`);
  assert.equal(backlog.total, 20_000);
  assert.ok(!backlog.hasRoom('late'));
});

test('what became durable makes room again', () => {
  const backlog = new Backlog();
  fill(backlog, 'loud');
  const first = backlog.take();
  assert.deepEqual([...first], [['loud', 10_000]]);
  assert.deepEqual([...backlog.take()], []);
  backlog.remove(first);
  assert.equal(backlog.total, 0);
  assert.equal(fill(backlog, 'loud'), 10_000);
});

/** One request with a head of 64 KB and a stand-in out of place for each of its lines. */
const crowded = () => ({
  host: 'api.example.com',
  ts: 1,
  headLength: 64 * 1024,
  request: {
    method: 'GET',
    path: `/${'p'.repeat(60_000)}`,
    status: 403,
    upstreamStatus: null,
    latencyMs: 1,
    errorCode: 'credential_blocked',
    secretIds: ['one', 'two'],
    foreign: Array.from({ length: 498 }, (_, line) => ({ fingerprint: String(line).padStart(64, '0'), slot: 'path' })),
  },
});

test('an event counts for each secret and for each stand-in out of place, which are held with it', () => {
  const control = new ControlLink(() => undefined);
  let count = 0;
  for (; control.accepts('loud'); count++) {
    recordRequest({ ...workerParts().context, control }, { id: 'loud', teamId: 'team' }, crowded());
  }
  assert.equal(count, 20);
  assert.ok(control.accepts('quiet'));
});

test('of a long path no more is held than will be kept', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const sent: FromWorker[] = [];
  const control = new ControlLink((message) => sent.push(message));
  recordRequest({ ...workerParts().context, control }, { id: 'loud', teamId: 'team' }, crowded());
  t.mock.timers.tick(100);
  const [message] = sent;
  assert.ok(message?.type === 'events');
  assert.equal(message.batch.strays[0]?.request?.path, `/${'p'.repeat(2047)}`);
});
