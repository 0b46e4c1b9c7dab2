import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backlog } from '../../../src/egress/backlog.ts';

/** Adds events of a sandbox until there is no room; answers how many there were. */
function fill(backlog: Backlog, sandboxId: string): number {
  let count = 0;
  for (; backlog.hasRoom(sandboxId); count++) backlog.add(sandboxId);
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
