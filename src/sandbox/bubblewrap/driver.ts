import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { StandinError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { NamespaceNetwork, RunningSandbox, SandboxDriver, SandboxSpec } from '../driver.ts';
import { checkMounts } from '../mounts.ts';
import { openCgroups } from './cgroups.ts';
import type { Cgroups, Enforced } from './cgroups.ts';
import { readHostSystem } from './host-system.ts';
import type { HostSystem } from './host-system.ts';
import { HostUids } from './host-uids.ts';
import { findProblems } from './preflight.ts';
import { prepareScripts } from './scripts.ts';
import type { PreparedScripts } from './scripts.ts';
import { compileSeccomp } from './seccomp.ts';
import { writeEtc, writeReadable } from './skeleton.ts';
import { startSandbox } from './start.ts';
import type { Machine } from './system-calls.ts';

export interface BubblewrapOptions {
  /** For this driver alone, on the server's disk; made with mode 0700. */
  directory: string;
  /** Never mounted, nor anything that holds them: the data directory. */
  privateDirectories: string[];
  network: NamespaceNetwork;
  logger: Logger;
}

export interface BubblewrapDriver extends SandboxDriver {
  /** What is limited for a sandbox as a whole; for the rest, limits are those of each process (setrlimit(2)). */
  enforced(): Enforced[];
}

/** What the driver makes once and every sandbox uses. */
export interface Workshop {
  directory: string;
  etc: string;
  seccomp: string;
  scripts: PreparedScripts;
  system: HostSystem;
  cgroups: Cgroups | null;
  uids: HostUids;
}

/** Sandboxes as processes of this machine: bwrap, a network namespace in which every address is local, an agent inside. */
export function createBubblewrapDriver(options: BubblewrapOptions): BubblewrapDriver {
  const running = new Set<RunningSandbox>();
  let workshop: Promise<Workshop> | null = null;
  let closed = false;
  const open = () => (workshop ??= openWorkshop(options.directory));

  return {
    name: 'bubblewrap',
    runs: true,
    preflight: findProblems,
    enforced: () => openedGroups?.enforced ?? [],
    async create(spec: SandboxSpec) {
      if (closed) throw new StandinError('unavailable', 'the server is stopping');
      const mounts = checkMounts(spec.mounts, [...options.privateDirectories, options.directory]);
      const sandbox = await startSandbox({ spec, mounts, workshop: await open(), network: options.network });
      running.add(sandbox);
      void sandbox.ended.then(() => running.delete(sandbox));
      return sandbox;
    },
    async close() {
      closed = true;
      await Promise.all([...running].map((sandbox) => sandbox.destroy()));
      const opened = await workshop?.catch(() => null);
      opened?.cgroups?.close();
      if (opened) rmSync(opened.directory, { recursive: true, force: true });
    },
  };
}
