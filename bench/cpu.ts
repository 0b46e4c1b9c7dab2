import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Which cores the proxy has for itself, and which the load generator and the upstream share, as `taskset -c` takes it. */
export interface Cores {
  proxy: string;
  others: string;
}

/** Null where there is one core only: nothing can be set apart then. */
export function divideCores(count = availableParallelism()): Cores | null {
  if (count < 2) return null;
  return { proxy: '0', others: count === 2 ? '1' : `1-${count - 1}` };
}

/**
 * CPU time of all threads of these processes so far, in nanoseconds, user and system: `/proc/<pid>/task/<tid>/schedstat`,
 * first field (proc_pid_schedstat(5)). Ticks of `/proc/<pid>/stat` would be 10 ms apart. Throws where a process is gone.
 */
export function cpuNanoseconds(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      total += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ', 1)[0]);
    }
  }
  return total;
}

/** `pid` and all that descend from it. */
export function processTree(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  const found = children === '' ? [] : children.split(' ').flatMap((each) => processTree(Number(each)));
  return [pid, ...found];
}
