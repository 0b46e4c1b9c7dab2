import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import type { Logger } from './log.ts';

/** Nice value of the helper threads; that of the threads which serve is 0. */
const helperNice = 10;

/**
 * Lowers the priority of the threads that help with garbage collection and compilation: on a core that is busy, the scheduler
 * gives them slices of milliseconds, and the workers' requests wait for the core that long. Called before anything else starts
 * a thread, so that all but the first are V8's (sched(7): on Linux the nice value is that of a thread). Nobody waits for what
 * they do but this thread, which does it by itself where they are late.
 */
export function lowerPriorityOfHelperThreads(log: Logger): void {
  if (process.platform !== 'linux') return;
  try {
    for (const thread of readdirSync('/proc/self/task')) {
      if (thread !== String(process.pid)) setPriority(Number(thread), helperNice);
    }
  } catch (error) {
    log.debug({ err: error }, 'the priority of helper threads stays as it is');
  }
}
