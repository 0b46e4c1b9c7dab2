import { StandinError } from '../../src/errors.ts';
import type { RunningSandbox } from '../../src/sandbox/driver.ts';

const none = () => Promise.reject(new StandinError('unavailable', 'this sandbox of a test has no files and no ports'));

/** The parts of a sandbox that a test without files and ports need not care for. It remembers whether it is paused. */
export function bareSandbox(): Pick<RunningSandbox, 'paused' | 'files' | 'connect' | 'health' | 'pause' | 'resume'> {
  return {
    paused: false,
    files: { read: none, write: none, list: none, walk: () => ({ [Symbol.asyncIterator]: () => ({ next: none }) }) },
    connect: none,
    health: () => Promise.resolve(true),
    pause(this: { paused: boolean }) {
      this.paused = true;
      return Promise.resolve();
    },
    resume(this: { paused: boolean }) {
      this.paused = false;
      return Promise.resolve();
    },
  };
}
