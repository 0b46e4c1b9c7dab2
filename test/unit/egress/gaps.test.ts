import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gaps } from '../../../src/egress/gaps.ts';
import type { Gap } from '../../../src/egress/gaps.ts';

const gap = (from: number): Gap => ({ from: new Date(from), to: new Date(from + 100) });

test('a gap is recorded once, however often it is asked for', async () => {
  const recorded: Gap[] = [];
  const gaps = new Gaps(async (each) => void recorded.push(each), { failed: assert.ifError });
  gaps.add(gap(5));
  await Promise.all([gaps.flush(), gaps.flush()]);
  assert.deepEqual([recorded, gaps.earliest], [[gap(5)], null]);
});

test('one that could not be recorded waits, and is tried again with the others', async () => {
  const recorded: Gap[] = [];
  const failures: unknown[] = [];
  let works = false;
  const gaps = new Gaps(
    async (each) => {
      if (!works) throw new Error('disk full');
      recorded.push(each);
    },
    { failed: (error) => failures.push(error) },
  );
  gaps.add(gap(7));
  gaps.add(gap(5));
  await gaps.flush();
  assert.equal(gaps.earliest, 5);
  assert.ok(failures.length >= 2);
  works = true;
  await gaps.flush();
  assert.deepEqual([recorded, gaps.earliest], [[gap(7), gap(5)], null]);
});
