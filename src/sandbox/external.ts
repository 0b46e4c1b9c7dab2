import { StandinError } from '../errors.ts';
import type { SandboxDriver } from './driver.ts';

const refuse = () =>
  Promise.reject(
    new StandinError('conflict', 'this sandbox is run elsewhere: run commands and handle files where it runs'),
  );

const refused: AsyncIterable<never> = { [Symbol.asyncIterator]: () => ({ next: refuse }) };

/**
 * Sandboxes that somebody else runs (containers, VMs, CI jobs, a laptop): nothing is started here, and they reach the
 * egress proxy by its URL.
 */
export function createExternalDriver(): SandboxDriver {
  return {
    name: 'external',
    runs: false,
    preflight: () => Promise.resolve([]),
    create: ({ id }) =>
      Promise.resolve({
        id,
        baseEnv: {},
        paused: false,
        exec: refuse,
        files: { read: refuse, write: refuse, list: refuse, walk: () => refused },
        connect: refuse,
        health: () => Promise.resolve(true),
        pause: refuse,
        resume: refuse,
        destroy: () => Promise.resolve(),
        // It cannot be seen from here when it ends.
        ended: new Promise<void>(() => undefined),
      }),
    adopt: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}
