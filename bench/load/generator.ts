import { setTimeout as delay } from 'node:timers/promises';
import { cpuNanoseconds } from '../cpu.ts';
import { openLanes } from './lane.ts';
import type { Lane } from './lane.ts';
import { latencies } from './latencies.ts';
import type { Latencies } from './latencies.ts';
import { closedLoop, openLoop } from './loops.ts';
import type { LoadAnswer, LoadOrder, LoadResult } from './protocol.ts';

/** The load generator's process: takes one order after the other over IPC and answers each. */

process.on('message', (order: LoadOrder) => {
  measure(order).then(
    (result) => answer({ result }),
    (error: unknown) => answer({ failure: error instanceof Error ? error.message : String(error) }),
  );
});

function answer(message: LoadAnswer): void {
  process.send?.(message);
}

async function measure(order: LoadOrder): Promise<LoadResult> {
  const lanes = await openLanes(order);
  try {
    if (lanes.length > order.lanes) await askEach(lanes, order.lanes);
    await load({ lanes, order }, order.warmUpMs);
    await atRest(order.pids);
    const cpuBefore = order.pids.map((pid) => cpuNanoseconds([pid]));
    const { taken, seconds } = await load({ lanes, order }, order.measureMs);
    // What a proxy puts off, such as its audit records, is work for these requests too.
    await atRest(order.pids);
    const cpuSpent = order.pids.map((pid, index) => cpuNanoseconds([pid]) - (cpuBefore[index] ?? 0));
    return {
      requests: taken.count(),
      seconds,
      cpuNanoseconds: cpuSpent,
      p50: taken.quantile(0.5),
      p99: taken.quantile(0.99),
      cipher: lanes[0]?.cipher() ?? '',
    };
  } finally {
    for (const lane of lanes) lane.close();
  }
}

/** Where lanes take turns, the warm-up might not come to all of them, and the first request of a sandbox costs more. */
async function askEach(lanes: readonly Lane[], atOnce: number): Promise<void> {
  let next = 0;
  const askNext = async () => {
    for (let lane = lanes[next++]; lane !== undefined; lane = lanes[next++]) await lane.ask();
  };
  await Promise.all(Array.from({ length: atOnce }, askNext));
}

/** Runs a loop for so long. Throws where nothing was answered. */
async function load(
  { lanes, order }: { lanes: Lane[]; order: LoadOrder },
  milliseconds: number,
): Promise<{ taken: Latencies; seconds: number }> {
  const taken = latencies();
  const stop = new AbortController();
  const options = { signal: stop.signal, answered: (each: number) => taken.add(each) };
  const start = performance.now();
  const { rate } = order;
  const loop =
    rate === null ? closedLoop(lanes, { ...options, atOnce: order.lanes }) : openLoop(lanes, { ...options, rate });
  await Promise.race([delay(milliseconds), loop]);
  stop.abort();
  await loop;
  if (taken.count() === 0) throw new Error('nothing was answered in the measured time');
  return { taken, seconds: (performance.now() - start) / 1000 };
}

/** Resolves when these processes do next to nothing: under 2 % of a core for 50 ms. Throws after 20 s. */
async function atRest(pids: number[]): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const before = cpuNanoseconds(pids);
    await delay(50);
    if (cpuNanoseconds(pids) - before < 1e6) return;
    if (performance.now() > deadline) throw new Error('it was still busy 20 s after the last request');
  }
}
