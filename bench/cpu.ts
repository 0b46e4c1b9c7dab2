import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Which cores the proxy has for itself, and which the load generator and the upstream share, as `taskset -c` takes it. */
export interface Cores {
  proxy: string;
  others: string;
}

/** Null where there are no more than `forProxy`: nothing can be set apart then. */
export function divideCores(count = availableParallelism(), forProxy = 1): Cores | null {
  if (count <= forProxy) return null;
  return { proxy: range(0, forProxy), others: range(forProxy, count) };
}

function range(from: number, to: number): string {
  return to - from === 1 ? String(from) : `${from}-${to - 1}`;
}

/**
 * CPU time of all threads of these processes so far, in nanoseconds, user and system: `/proc/<pid>/task/<tid>/schedstat`,
 * first field (proc_pid_schedstat(5)). Ticks of `/proc/<pid>/stat` would be 10 ms apart. Throws where a process is gone.
 */
export function cpuNanoseconds(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) for (const { nanoseconds } of threadsOf(pid)) total += nanoseconds;
  return total;
}

/** Each thread of a process with its CPU time so far. */
export function threadsOf(pid: number): { id: number; nanoseconds: number }[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => ({
    id: Number(thread),
    nanoseconds: Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ', 1)[0]),
  }));
}

/** `pid` and all that descend from it. */
export function processTree(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  const found = children === '' ? [] : children.split(' ').flatMap((each) => processTree(Number(each)));
  return [pid, ...found];
}

/** Resident set of these processes together, in KB: `VmRSS` of proc_pid_status(5). */
export function residentKb(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids)
    total += Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return total;
}
