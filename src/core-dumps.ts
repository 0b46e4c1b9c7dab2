import { writeFileSync } from 'node:fs';
import type { Logger } from './log.ts';

/**
 * Keeps memory out of core dumps, of this process and of every child from now on, which inherit the setting (core(5),
 * `coredump_filter`). A limit of 0 on their size would not do: a handler that they are piped to is not bound by it.
 */
export function keepMemoryOutOfCoreDumps(log: Logger): void {
  if (process.platform !== 'linux') return;
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch (error) {
    log.warn({ err: error }, 'core dumps of this server may hold secrets; run it under `ulimit -c 0`');
  }
}
