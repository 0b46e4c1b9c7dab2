import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Freezer } from '../host/cgroups.ts';

/**
 * Freezing without control groups: SIGSTOP to every process below `pid` (bwrap, which itself goes on) until none runs.
 * Orphans stay below process 1 of the sandbox, so none is missed.
 */
export function stopSweep(pid: number): Freezer {
  return {
    async freeze() {
      for (let left = 100; left > 0; left -= 1) {
        const running = descendants(pid).filter((each) => !isStopped(each));
        if (running.length === 0) return;
        for (const each of running) send(each, 'SIGSTOP');
        await delay(2);
      }
      throw new Error('processes of the sandbox could not be stopped');
    },
    thaw() {
      for (const each of descendants(pid)) send(each, 'SIGCONT');
      return Promise.resolve();
    },
  };
}

function descendants(pid: number): number[] {
  let children: number[];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
  return children.concat(children.flatMap(descendants));
}

/** Stopped, dead, or in a wait that a signal does not end (state D): it runs no code. */
function isStopped(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return 'TtDZX'.includes(text.charAt(text.lastIndexOf(')') + 2));
  } catch {
    return true;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
