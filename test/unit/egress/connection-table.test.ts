import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionTable } from '../../../src/egress/context.ts';
import type { TrackedConnection } from '../../../src/egress/context.ts';

test('a sweep expires what is due, and each once, though the first one closes others', () => {
  const table = new ConnectionTable();
  const expired: number[] = [];
  const connections = [10, 10, 10, 99].map((deadline, index) =>
    connection({
      deadline,
      expire(this: TrackedConnection) {
        expired.push(index);
        table.delete(this);
        const [first, second] = connections;
        if (index === 0 && second !== undefined) table.delete(second);
        if (first !== undefined) table.delete(first);
      },
    }),
  );
  for (const each of connections) table.add(each);
  table.sweep(50);
  assert.deepEqual(expired, [0, 1, 2]);
  assert.equal(table.size, 1);
  table.sweep(100);
  assert.deepEqual(expired, [0, 1, 2, 3]);
});

test('what is deleted twice, or was never added, takes nobody else out', () => {
  const table = new ConnectionTable();
  const [one, two, three] = [connection({}), connection({}), connection({})];
  table.add(one);
  table.add(two);
  table.delete(three);
  table.delete(one);
  table.delete(one);
  assert.equal(table.size, 1);
  assert.equal(two.place, 0);
  table.delete(two);
  assert.equal(table.size, 0);
});

test('a sandbox that is deleted has all its connections cut, and no other sandbox any', () => {
  const table = new ConnectionTable();
  const cut: string[] = [];
  for (const name of ['a1', 'b1', 'a2', 'b2', 'a3']) {
    table.add(
      connection({
        sandboxId: name.slice(0, 1),
        destroy(this: TrackedConnection) {
          cut.push(name);
          table.delete(this);
        },
      }),
    );
  }
  table.closeSandbox('a');
  assert.deepEqual(cut.toSorted(), ['a1', 'a2', 'a3']);
  assert.equal(table.size, 2);
});

test('draining ends when the last connection has gone', async () => {
  const table = new ConnectionTable();
  const one = connection({});
  table.add(one);
  const drained = table.drain(60_000);
  table.delete(one);
  await drained;
});

function connection(about: Partial<TrackedConnection>): TrackedConnection {
  const nothing = () => undefined;
  return { sandboxId: null, place: -1, deadline: 1, expire: nothing, drain: nothing, destroy: nothing, ...about };
}
