import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRuns, silenceLimitMs } from '../../../src/vault/runs.ts';
import { startVault } from './harness.ts';
import type { Harness } from './harness.ts';

/** Servers on one database, each with a clock of its own that stands still until it is set. */
function servers(harness: Harness) {
  const clock = { elapsed: 1_000_000 };
  const make = (server: string) => createRuns(harness.deps, { server, elapsed: () => clock.elapsed });
  const gaps = async () =>
    (await harness.vault.audit.verify(harness.owner)).gaps.newest.map(({ from, to, lost }) => ({ from, to, lost }));
  const left = async () => (await harness.store.runs.others('')).map(({ server }) => server);
  return { clock, make, gaps, left };
}

const after = ({ clock }: Harness, milliseconds: number) => {
  clock.now = new Date(clock.now.getTime() + milliseconds);
  return clock.now;
};

test('a run that ended leaves nothing; one that did not, a gap from what it last kept to the next start', async (t) => {
  const harness = await startVault(t);
  const { make, gaps, left } = servers(harness);
  const first = make('here');
  await first.begin();
  await first.settled(after(harness, 5000));
  await first.end();
  const second = make('here');
  await second.begin();
  assert.deepEqual(await gaps(), []);
  const kept = after(harness, 5000);
  await second.settled(kept);
  const to = after(harness, 3000);
  await make('here').begin();
  assert.deepEqual(await gaps(), [{ from: kept, to, lost: null }]);
  assert.deepEqual(await left(), ['here'], 'only that of the third');
});

test('another server is taken for dead when it was silent for a minute, whatever its clock says', async (t) => {
  const harness = await startVault(t);
  const { clock, make, gaps, left } = servers(harness);
  const [one, two, three] = [make('one'), make('two'), make('three')];
  for (const each of [one, two, three]) await each.begin();
  const ahead = new Date(harness.clock.now.getTime() + 3_600_000);
  for (let seconds = 0; seconds < 300; seconds += 5) {
    clock.elapsed += 5000;
    await one.settled(after(harness, 5000));
    // An hour ahead of the others, and an hour behind them.
    await two.settled(new Date(ahead.getTime() + seconds));
    await three.settled(new Date(0));
  }
  assert.deepEqual(await gaps(), [], 'all three run');
  for (const each of [one, two]) await each.settled(harness.clock.now);
  for (let waited = 0; waited < silenceLimitMs; waited += 5000) {
    assert.deepEqual(await gaps(), []);
    clock.elapsed += 5000;
    await Promise.all([one.settled(harness.clock.now), two.settled(harness.clock.now)]);
  }
  assert.deepEqual(await gaps(), [{ from: new Date(0), to: harness.clock.now, lost: null }], 'once, by one of the two');
  assert.deepEqual((await left()).toSorted(), ['one', 'two']);
});

test('a server that was taken for dead and was not goes on, and its own end is noticed again', async (t) => {
  const harness = await startVault(t);
  const { clock, make, gaps } = servers(harness);
  const [one, two] = [make('one'), make('two')];
  await one.begin();
  await two.begin();
  await one.settled(harness.clock.now);
  clock.elapsed += silenceLimitMs;
  await one.settled(harness.clock.now);
  assert.equal((await gaps()).length, 1);
  await two.settled(harness.clock.now);
  await one.settled(harness.clock.now);
  assert.equal((await gaps()).length, 1);
  await make('two').begin();
  assert.equal((await gaps()).length, 2);
});

test('a gap that cannot be recorded is owed until it can, also by the next run', async (t) => {
  const harness = await startVault(t);
  const { make, gaps } = servers(harness);
  await make('here').begin();
  const second = make('here');
  const append = t.mock.method(harness.store.events, 'append', () => Promise.reject(new Error('disk full')));
  await second.begin();
  await second.settled(harness.clock.now);
  assert.equal(append.mock.callCount(), 2);
  append.mock.restore();
  await second.settled(harness.clock.now);
  assert.equal((await gaps()).length, 1);
  await second.settled(harness.clock.now);
  assert.equal((await gaps()).length, 1);

  t.mock.method(harness.store.events, 'append', () => Promise.reject(new Error('disk full')), { times: 1 });
  await make('here').begin();
  assert.equal((await gaps()).length, 1);
  await make('here').begin();
  assert.equal((await gaps()).length, 3, "the second's, and that of the one which owed it");
});

test('a run that ends while it says that it runs leaves nothing', async (t) => {
  const harness = await startVault(t);
  const { make, left } = servers(harness);
  const run = make('here');
  await run.begin();
  const gate = Promise.withResolvers<void>();
  const beat = harness.store.runs.beat.bind(harness.store.runs);
  t.mock.method(harness.store.runs, 'beat', async (...args: Parameters<typeof beat>) => {
    await gate.promise;
    await beat(...args);
  });
  const saying = run.settled(harness.clock.now);
  const ending = run.end();
  const read = await left();
  assert.deepEqual(read, ['here'], 'the end waits');
  gate.resolve();
  await Promise.all([saying, ending]);
  await run.settled(harness.clock.now);
  assert.deepEqual(await left(), []);
});

test('where the clock went back, a gap does not end before it begins', async (t) => {
  const harness = await startVault(t);
  const { make, gaps } = servers(harness);
  await make('here').begin();
  const now = after(harness, -60_000);
  await make('here').begin();
  assert.deepEqual(await gaps(), [{ from: now, to: now, lost: null }]);
});
