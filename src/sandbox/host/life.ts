import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { childrenOf, goesOn, isRunning, readStat, signal } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** The processes of a sandbox, as a whole. */
export interface Life {
  /** Resolves when every process of it has ended. */
  readonly ended: Promise<void>;
  /** Ends every process of it. */
  kill(): Promise<void>;
}

const pauseBetweenTries = 20;
const patienceMs = 2000;

/**
 * A sandbox whose launcher is no child of this process: its end shows by the end of a connection to its agent, which is
 * made anew where only the agent has ended. `agent`: the path of its socket.
 */
export function watchLife(
  { launcher, first }: { launcher: ProcessIdentity; first: ProcessIdentity | null },
  agent: string,
): Life {
  const ended = (async () => {
    while (isRunning(launcher)) {
      await connectionEnds(agent);
      await delay(pauseBetweenTries, undefined, { ref: false });
    }
  })();
  return {
    ended,
    async kill() {
      await endProcesses({ launcher, first });
      await ended;
    },
  };
}

/** False as soon as its end is settled, though its processes may still be seen: such a one is not to be taken over. */
export function livesOn({ launcher, first }: { launcher: ProcessIdentity; first: ProcessIdentity | null }): boolean {
  return goesOn(launcher) && (first === null || goesOn(first));
}

/** Resolves when all of them have ended. Process 1 takes its namespace with it; bwrap ends once all of that is gone. */
export async function endProcesses({
  launcher,
  first,
}: {
  launcher: ProcessIdentity;
  first: ProcessIdentity | null;
}): Promise<void> {
  const child = first ?? childOf(launcher);
  const until = performance.now() + patienceMs;
  if (child === null || !signal(child, 'SIGKILL')) signal(launcher, 'SIGKILL');
  const all = child === null ? [launcher] : [launcher, child];
  while (all.some(isRunning)) {
    if (performance.now() > until) signal(launcher, 'SIGKILL');
    await delay(2);
  }
}

function childOf(launcher: ProcessIdentity): ProcessIdentity | null {
  if (!isRunning(launcher)) return null;
  const [pid] = childrenOf(launcher.pid);
  const stat = pid === undefined ? null : readStat(pid);
  return pid === undefined || stat === null ? null : { ...launcher, pid, start: stat.start };
}

function connectionEnds(path: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    // Nothing is asked on it, and it keeps no process alive.
    socket.unref();
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.resume();
  });
}
