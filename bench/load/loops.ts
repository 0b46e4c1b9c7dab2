import type { Lane } from './lane.ts';

/** Until `signal` aborts; a loop then resolves once all it asked was answered. It rejects with the first failure. */
interface LoopOptions {
  signal: AbortSignal;
  /** Called with the milliseconds that each request took. */
  answered: (milliseconds: number) => void;
}

/** As soon as one request was answered the next is asked, on the lane that has been idle longest; `atOnce` at a time, or one a lane. */
export async function closedLoop(
  lanes: readonly Lane[],
  { signal, answered, atOnce }: LoopOptions & { atOnce?: number },
): Promise<void> {
  const ring = [...lanes];
  let head = 0;
  let tail = 0;
  const askers = Math.min(atOnce ?? lanes.length, lanes.length);
  await Promise.all(
    Array.from({ length: askers }, async () => {
      while (!signal.aborted) {
        const lane = ring[head];
        if (lane === undefined) return;
        head = (head + 1) % ring.length;
        const start = performance.now();
        await lane.ask();
        answered(performance.now() - start);
        ring[tail] = lane;
        tail = (tail + 1) % ring.length;
      }
    }),
  );
}

/**
 * `rate` requests fall due each second, whether or not those before were answered; one that finds no idle lane waits,
 * and its wait counts. Without that a proxy that stalls would be asked less and look better ("coordinated omission").
 */
export async function openLoop(
  lanes: readonly Lane[],
  { signal, answered, rate }: LoopOptions & { rate: number },
): Promise<void> {
  const idle = [...lanes];
  const due: number[] = [];
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const ask = async (lane: Lane, start: number) => {
    await lane.ask();
    answered(performance.now() - start);
    idle.push(lane);
    dispatch();
  };
  const dispatch = () => {
    while (due.length > 0) {
      const lane = idle.pop();
      if (lane === undefined) return;
      ask(lane, due.shift() ?? 0).catch(reject);
    }
    if (signal.aborted && idle.length === lanes.length) resolve();
  };
  const begin = performance.now();
  let issued = 0;
  // A timer fires at most once a millisecond, so requests fall due in batches: each is timed from its batch on, for the
  // generator's own lateness is not the proxy's.
  const timer = setInterval(() => {
    const now = performance.now();
    for (const target = Math.floor(((now - begin) / 1000) * rate); issued < target; issued++) due.push(now);
    dispatch();
  }, 1);
  const finish = () => {
    clearInterval(timer);
    dispatch();
  };
  signal.addEventListener('abort', finish, { once: true });
  try {
    await ended;
  } finally {
    clearInterval(timer);
  }
}
