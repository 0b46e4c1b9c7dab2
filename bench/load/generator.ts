import { setTimeout as delay } from 'node:timers/promises';
import { cpuNanoseconds } from '../cpu.ts';
import { openLanes } from './lane.ts';
import { latencies } from './latencies.ts';
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
  const taken = latencies();
  const stop = new AbortController();
  const options = { signal: stop.signal, answered: (milliseconds: number) => taken.add(milliseconds) };
  const { rate } = order;
  const loop = rate === null ? closedLoop(lanes, options) : openLoop(lanes, { ...options, rate });
  try {
    await Promise.race([delay(order.warmUpMs), loop]);
    const cpuBefore = cpuNanoseconds(order.pids);
    const start = performance.now();
    taken.clear();
    await Promise.race([delay(order.measureMs), loop]);
    const cpuSpent = cpuNanoseconds(order.pids) - cpuBefore;
    const seconds = (performance.now() - start) / 1000;
    if (taken.count() === 0) throw new Error('nothing was answered in the measured time');
    return {
      requests: taken.count(),
      seconds,
      cpuNanoseconds: cpuSpent,
      p50: taken.quantile(0.5),
      p99: taken.quantile(0.99),
      cipher: lanes[0]?.cipher() ?? '',
    };
  } finally {
    stop.abort();
    for (const lane of lanes) lane.close();
    await loop.catch(() => undefined);
  }
}
