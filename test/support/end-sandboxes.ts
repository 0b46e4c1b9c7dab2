import { join } from 'node:path';
import { createBubblewrapDriver } from '../../src/sandbox/bubblewrap/driver.ts';
import { createGvisorDriver } from '../../src/sandbox/gvisor/driver.ts';

/** Ends every sandbox that servers with this data directory left running, of each driver. */
export async function endSandboxesOf(dataDir: string): Promise<void> {
  await endSandboxes(join(dataDir, 'sandboxes'));
  await endSandboxes(join(dataDir, 'gvisor'), createGvisorDriver);
}

const nobody = { open: () => Promise.resolve(), close: () => Promise.resolve() };

/** Ends every sandbox that servers with this directory of sandboxes left running. */
export async function endSandboxes(
  directory: string,
  create: typeof createBubblewrapDriver | typeof createGvisorDriver = createBubblewrapDriver,
): Promise<void> {
  const driver = create({ directory, privateDirectories: [], programDirectories: [], network: nobody });
  await driver.adopt(new Set());
  await driver.close();
}
