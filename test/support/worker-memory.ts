import { readFileSync } from 'node:fs';
import { workerPids } from './processes.ts';
import type { StandinServer } from './standin-server.ts';

/** Resident bytes of all egress workers of a server. */
export function workerMemory({ program }: StandinServer): number {
  return workerPids(program.pid)
    .map((pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024)
    .reduce((total, each) => total + each, 0);
}

/** Runs `work`; how many bytes more than before it the workers had at most, looked at 20 times a second. */
export async function memoryGrowth(server: StandinServer, work: () => Promise<unknown>): Promise<number> {
  const before = workerMemory(server);
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, workerMemory(server))), 50);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(most, workerMemory(server)) - before;
}
