import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cpuNanoseconds, divideCores, processTree } from '../../../bench/cpu.ts';
import type { Lane } from '../../../bench/load/lane.ts';
import { responseCounter } from '../../../bench/load/response-counter.ts';
import { latencies } from '../../../bench/load/latencies.ts';
import { closedLoop, openLoop } from '../../../bench/load/loops.ts';
import { parseOptions, UsageError } from '../../../bench/options.ts';
import { slope } from '../../../bench/own/memory.ts';
import { peerNames } from '../../../bench/peers/all.ts';
import { topOfSelfTime } from '../../../bench/profile/self-time.ts';
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
  assert.equal(summary.p99_ratio_to_nginx, 1);
});

test('an unknown scenario or peer is refused with those there are', () => {
  assert.throws(
    () => parseOptions(['--only', 'http3']),
    /there are http1-1kb, http1-1mb, http1-1mb-bound, new-connection/,
  );
  assert.throws(() => parseOptions(['--peers', 'apache']), /there are nginx, haproxy, squid/);
  for (const wrong of [['--rounds', '0'], ['--seconds', 'x'], ['--minutes', '-1'], ['--fast'], ['extra']])
    assert.throws(() => parseOptions(wrong), UsageError);
});

test('nginx is among the peers whoever is asked for, since ratios are to it', () => {
  const peersOf = (...args: string[]) => {
    const options = parseOptions(args);
    return options === 'help' ? [] : options.peers;
  };
  assert.deepEqual(peersOf(), ['nginx', 'haproxy']);
  assert.deepEqual(peersOf('--peers', 'squid'), ['nginx', 'squid']);
  assert.deepEqual(peersOf('--peers', 'all'), [...peerNames]);
});

test('a profile is made of one scenario that others are measured in too, or of flood', () => {
  for (const wrong of [[], ['--only', 'memory'], ['--only', 'http1-1kb,http2-100']])
    assert.throws(() => parseOptions(['--profile', 'x', ...wrong]), /--profile: wants --only/);
  for (const right of ['http1-1kb', 'flood']) parseOptions(['--profile', 'x', '--only', right]);
});

test('the command says what is wrong and exits 2', async () => {
  const { code, stderr, stdout } = await runProgram(process.execPath, ['bench/run.ts', '--only', 'http3']);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /^error: --only http3: no such scenario/);
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
  assert.deepEqual(divideCores(4, 2), { proxy: '0-1', others: '2-3' });
  assert.equal(divideCores(2, 2), null);
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
  // Ticks as the loop has them, and not time: a busy machine gives it fewer.
  const ticks = { count: 0 };
  const timer = setInterval(() => void ticks.count++, 1);
  while (ticks.count < 50) await nextTurn();
  clearInterval(timer);
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

test('with more lanes than askers, the lane that has been idle longest is asked', async () => {
  const asked: number[] = [];
  const stop = new AbortController();
  const lanes = [0, 1, 2, 3].map((index) => ({
    ask: () => {
      asked.push(index);
      if (asked.length >= 8) stop.abort();
      return Promise.resolve();
    },
    close: () => undefined,
    cipher: () => '',
  }));
  await closedLoop(lanes, { signal: stop.signal, answered: () => undefined, atOnce: 2 });
  assert.deepEqual(asked.slice(0, 8), [0, 1, 2, 3, 0, 1, 2, 3]);
});

test('an answer is whole by its length or by its last chunk, however it is split, and a wrong one is said', () => {
  const head = 'HTTP/1.1 200 OK\r\n';
  const answers: [string, string][] = [
    [`${head}Content-Length: 4\r\n\r\nbody`, 'null'],
    [`${head}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`, 'null'],
    [`${head}Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n`, 'Error: a body was longer or shorter'],
    ['HTTP/1.1 401 No\r\nContent-Length: 4\r\n\r\n', 'Error: an answer was not 200 with 4 bytes'],
  ];
  for (const [answer, expected] of answers) {
    for (let split = 0; split < answer.length; split++) {
      const heard: string[] = [];
      const take = responseCounter(4, (error) => void heard.push(String(error)));
      if (split > 0) take(Buffer.from(answer.slice(0, split)));
      if (heard.length === 0) take(Buffer.from(answer.slice(split)));
      assert.equal(heard.length, 1, `${answer} at ${split}`);
      assert.ok(heard[0]?.startsWith(expected), `${heard[0]} at ${split}`);
    }
  }
});

test('the slope of memory is that of the line through its samples', () => {
  const points = [0, 1, 2, 3].map((minutes) => ({ minutes, megabytes: 100 + 2.5 * minutes }));
  assert.equal(slope(points), 2.5);
});

test('idle time, and what was outside the span, counts for no function of a profile', () => {
  const node = (id: number, functionName: string) => ({ id, callFrame: { functionName, url: '', lineNumber: 0 } });
  const { milliseconds, functions } = topOfSelfTime(
    {
      nodes: [node(1, '(idle)'), node(2, 'a'), node(3, 'b')],
      samples: [3, 1, 2, 3, 2, 3],
      timeDeltas: [500, 9000, 1000, 1000, 2000, 700],
      startTime: 0,
    },
    { count: 1, span: { from: 1000, to: 13_600 } },
  );
  assert.equal(milliseconds, 4);
  assert.deepEqual(functions, [{ name: 'a', share: 0.75 }]);
});
