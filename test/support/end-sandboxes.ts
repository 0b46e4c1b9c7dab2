import { createBubblewrapDriver } from '../../src/sandbox/bubblewrap/driver.ts';

const nobody = { open: () => Promise.resolve(), close: () => Promise.resolve() };

/** Ends every bubblewrap sandbox that servers with this directory of sandboxes left running. */
export async function endSandboxes(directory: string): Promise<void> {
  const driver = createBubblewrapDriver({ directory, privateDirectories: [], network: nobody });
  await driver.adopt(new Set());
  await driver.close();
}
