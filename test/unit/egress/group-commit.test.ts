import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroupCommit } from '../../../src/egress/group-commit.ts';

test('what comes while a write runs goes into the next one, in its order', async () => {
  const written: number[][] = [];
  const gates: (() => void)[] = [];
  const journal = new GroupCommit<number>(
    async (items) => {
      written.push(items);
      await new Promise<void>((resolve) => gates.push(resolve));
    },
    { weigh: () => 1 },
  );
  const first = journal.write(1);
  await until(() => gates.length === 1);
  const second = Promise.all([journal.write(2), journal.write(3), journal.write(4)]);
  gates[0]?.();
  await first;
  await until(() => gates.length === 2);
  gates[1]?.();
  await second;
  assert.deepEqual(written, [[1], [2, 3, 4]]);
});

test('a write that fails rejects everyone in its group, and the next group is written', async () => {
  let fails = true;
  const journal = new GroupCommit<number>(
    async () => {
      if (fails) throw new Error('disk full');
    },
    { weigh: () => 1 },
  );
  const [one, two] = await Promise.allSettled([journal.write(1), journal.write(2)]);
  assert.deepEqual([one.status, two.status], ['rejected', 'rejected']);
  fails = false;
  await journal.write(3);
});

test('a group stands for no more than a few thousand, unless one item alone stands for more', async () => {
  const groups: number[][] = [];
  const journal = new GroupCommit<number>(
    async (items) => {
      groups.push(items);
    },
    { weigh: (item) => item },
  );
  await Promise.all([3000, 1000, 3000, 9000].map((each) => journal.write(each)));
  assert.deepEqual(groups, [[3000], [1000, 3000], [9000]]);
});

test('what is urgent is written soon, with what came before it; the next is in no hurry', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const written: string[][] = [];
  const journal = new GroupCommit<string>(
    async (items) => {
      written.push(items);
    },
    { weigh: () => 1, isUrgent: (item) => item === 'urgent' },
  );
  const group = Promise.all([journal.write('one'), journal.write('urgent')]);
  t.mock.timers.tick(25);
  await group;
  assert.deepEqual(written, [['one', 'urgent']]);
  const next = journal.write('two');
  t.mock.timers.tick(99);
  assert.equal(written.length, 1);
  t.mock.timers.tick(1);
  await next;
  assert.deepEqual(written[1], ['two']);
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
