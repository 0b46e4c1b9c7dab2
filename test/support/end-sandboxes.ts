import { createBubblewrapDriver } from '../../src/sandbox/bubblewrap/driver.ts';
import { createGvisorDriver } from '../../src/sandbox/gvisor/driver.ts';

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
