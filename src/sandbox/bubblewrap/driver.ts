import { createLocalDriver } from '../host/local-driver.ts';
import type { LocalDriver, LocalOptions } from '../host/local-driver.ts';
import { adoptSandbox } from './adopt.ts';
import { findProblems } from './preflight.ts';
import { startSandbox } from './start.ts';

/** Sandboxes as processes of this machine: bwrap, a network namespace in which every address is local, an agent inside. */
export function createBubblewrapDriver(options: LocalOptions): LocalDriver {
  return createLocalDriver(
    { name: 'bubblewrap', preflight: findProblems, start: startSandbox, adopt: adoptSandbox },
    options,
  );
}
