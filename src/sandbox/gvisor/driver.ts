import { createLocalDriver } from '../host/local-driver.ts';
import type { LocalDriver, LocalOptions } from '../host/local-driver.ts';
import { adoptSandbox } from './adopt.ts';
import { findProblems } from './preflight.ts';
import { tryRunsc } from './runsc.ts';
import type { RunscLacks } from './runsc.ts';
import { startSandbox } from './start.ts';

/** Sandboxes in gVisor: a kernel of their own for each, written to disk while they are paused. */
export function createGvisorDriver(options: LocalOptions): LocalDriver {
  let tried: Promise<RunscLacks> | null = null;
  // What stands in for what it lacks does no harm where it lacks nothing; what is wrong with it shows at the start itself.
  const runsc = () => (tried ??= tryRunsc().catch(() => ({ refusesNoAutomount: true })));
  return createLocalDriver(
    {
      name: 'gvisor',
      preflight: findProblems,
      start: (what) => startSandbox({ ...what, runsc }),
      adopt: adoptSandbox,
    },
    options,
  );
}
