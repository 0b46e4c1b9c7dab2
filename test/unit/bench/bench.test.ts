import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cpuNanoseconds, divideCores, processTree } from '../../../bench/cpu.ts';
import type { Lane } from '../../../bench/load/lane.ts';
import { latencies } from '../../../bench/load/latencies.ts';
import { closedLoop, openLoop } from '../../../bench/load/loops.ts';
import { parseOptions, UsageError } from '../../../bench/options.ts';
import { median, summarise } from '../../../bench/report.ts';
import { runProgram } from '../../support/processes.ts';

/** A lane on which each request is answered when the test says so. */
function heldLane() {
  const held: PromiseWithResolvers<void>[] = [];
  const lane: Lane = {
    ask: () => {
      const request = Promise.withResolvers<void>();
      held.push(request);
      return request.promise;
    },
    close: () => undefined,
    cipher: () => '',
  };
  return { lane, held };
}

test('the median of an even number is the mean of the two in the middle', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 9, 2]), 3);
});

test('a quantile is the smallest value that covers its share', () => {
  const taken = latencies();
  for (let value = 100; value >= 1; value--) taken.add(value);
  assert.deepEqual([taken.quantile(0.5), taken.quantile(0.99), taken.quantile(1)], [50, 99, 100]);
});

test('the ratio to nginx is taken within each round, not between the medians', () => {
  const sample = { scenario: 's', requestsPerSecond: 1, coreUse: 1, p50: 1, p99: 1, cipher: '' };
  const samples = [10, 100, 1000].flatMap((nginx, round) => [
    { ...sample, peer: 'nginx', round, cpuMicros: nginx },
    { ...sample, peer: 'standin', round, cpuMicros: nginx * ([3, 1, 2][round] ?? 0) },
  ]);
  const summary = summarise(samples, 'standin', { scenario: 's', rounds: 3, seconds: 1 });
  assert.equal(summary.ratio_to_nginx, 2);
  assert.equal(summary.cpu_us_per_request, 100);
  assert.equal(summary.peers['nginx']?.ratio_to_nginx, 1);
});

test('a scenario that cannot be measured yet is refused with the reason, an unknown one with those there are', () => {
  assert.throws(
    () => parseOptions(['--only', 'http2-100']),
    (error) => error instanceof UsageError && /HTTP\/1\.1 only/.test(error.message),
  );
  assert.throws(() => parseOptions(['--only', 'http3']), /there are http1-1kb, http1-1mb, new-connection/);
  for (const wrong of [['--rounds', '0'], ['--seconds', 'x'], ['--fast'], ['extra']])
    assert.throws(() => parseOptions(wrong), UsageError);
});

test('the command says what is wrong and exits 2', async () => {
  const { code, stderr, stdout } = await runProgram(process.execPath, ['bench/run.ts', '--only', 'http2-100']);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /^error: --only http2-100: .*HTTP\/1\.1 only/);
});

test('CPU time grows by what a process of the tree burns', async () => {
  const child = spawn('sh', ['-c', 'sh -c "while :; do :; done" & echo $!; wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const busy = Number(await new Promise((resolve) => child.stdout.once('data', resolve)));
  try {
    const pids = processTree(child.pid ?? 0);
    assert.deepEqual(pids, [child.pid, busy]);
    const before = cpuNanoseconds(pids);
    while (cpuNanoseconds(pids) - before < 20e6) await nextTurn();
    assert.ok(cpuNanoseconds([child.pid ?? 0]) < 20e6, 'the parent, which waits, burns next to nothing');
  } finally {
    process.kill(busy, 'SIGKILL');
    child.kill('SIGKILL');
  }
});

test('the proxy gets a core of its own where there are two or more', () => {
  assert.deepEqual(divideCores(2), { proxy: '0', others: '1' });
  assert.deepEqual(divideCores(8), { proxy: '0', others: '1-7' });
  assert.equal(divideCores(1), null);
});

test('a closed loop asks again only after an answer, and ends when the last one came', async () => {
  const { lane, held } = heldLane();
  const stop = new AbortController();
  let answers = 0;
  const loop = closedLoop([lane], { signal: stop.signal, answered: () => void answers++ });
  held[0]?.resolve();
  await nextTurn();
  assert.deepEqual([held.length, answers], [2, 1]);
  stop.abort();
  held[1]?.resolve();
  await loop;
  assert.deepEqual([held.length, answers], [2, 2]);
});

test('an open loop counts the wait of every request that found no idle lane', async () => {
  const { lane, held } = heldLane();
  const stop = new AbortController();
  const taken: number[] = [];
  const loop = openLoop([lane], { signal: stop.signal, rate: 1000, answered: (each) => void taken.push(each) });
  const start = performance.now();
  while (performance.now() - start < 50) await nextTurn();
  assert.equal(held.length, 1, 'the lane is busy with the first');
  stop.abort();
  for (let index = 0; held.length > index; index++) {
    held[index]?.resolve();
    await nextTurn();
  }
  await loop;
  assert.ok(taken.length >= 40, `all that fell due were asked: ${taken.length}`);
  assert.ok(
    taken.slice(0, 20).every((each) => each >= 25),
    `they waited for the stalled one: ${taken.join(' ')}`,
  );
});

test('a failure on any lane ends either loop with its reason', async () => {
  for (const start of [
    closedLoop,
    (lanes: Lane[], options: Parameters<typeof closedLoop>[1]) => openLoop(lanes, { ...options, rate: 1000 }),
  ]) {
    const { lane, held } = heldLane();
    const loop = start([lane], { signal: new AbortController().signal, answered: () => undefined });
    while (held.length === 0) await nextTurn();
    held[0]?.reject(new Error('an answer was not 200'));
    await assert.rejects(loop, /not 200/);
  }
});
