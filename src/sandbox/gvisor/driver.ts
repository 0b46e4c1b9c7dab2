import { createLocalDriver } from '../host/local-driver.ts';
import type { LocalDriver, LocalOptions } from '../host/local-driver.ts';
import { adoptSandbox } from './adopt.ts';
import { findProblems } from './preflight.ts';
import { startSandbox } from './start.ts';

/** Sandboxes in gVisor: a kernel of their own for each, written to disk while they are paused. */
export function createGvisorDriver(options: LocalOptions): LocalDriver {
  return createLocalDriver(
    { name: 'gvisor', preflight: findProblems, start: startSandbox, adopt: adoptSandbox },
    options,
  );
}
