import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadAnswer, LoadOrder, LoadResult } from './protocol.ts';

/** The load generator, running in a process of its own on cores of its own. */
export interface LoadGenerator {
  /** Throws with what went wrong where any answer was not the expected one. */
  run(order: LoadOrder): Promise<LoadResult>;
  stop(): void;
}

/** `launcher` is a command that runs it, such as `taskset -c 1`. */
export function startGenerator(launcher: string[]): LoadGenerator {
  const [command, ...args] = [...launcher, process.execPath, fileURLToPath(new URL('generator.ts', import.meta.url))];
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return {
    run: async (order) => {
      const answer = await new Promise<LoadAnswer>((resolve, reject) => {
        child.once('message', resolve).once('exit', reject);
        child.send(order);
      });
      child.removeAllListeners();
      if ('failure' in answer) throw new Error(answer.failure);
      return answer.result;
    },
    stop: () => void child.kill(),
  };
}
