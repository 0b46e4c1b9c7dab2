import { skipWithout } from './processes.ts';

/** The drivers that run sandboxes on this machine: what holds for each is tested over each. */
export type DriverName = 'bubblewrap' | 'gvisor';

/** The one that this file is run over (`againInGvisor`). */
export const driverName: DriverName = process.env['STANDIN_TEST_DRIVER'] === 'gvisor' ? 'gvisor' : 'bubblewrap';
export const inGvisor = driverName === 'gvisor';

/** Each, with why it cannot run here, for a file that tells the same of both. */
export const sandboxDrivers: { name: DriverName; skip: string | false }[] = [
  { name: 'bubblewrap', skip: skipWithout('bwrap') },
  { name: 'gvisor', skip: process.getuid?.() === 0 ? skipWithout('runsc') : 'gVisor needs root' },
];
/** Why sandboxes of this file's driver cannot run here. */
export const skipWithoutDriver = sandboxDrivers.find(({ name }) => name === driverName)?.skip ?? false;
