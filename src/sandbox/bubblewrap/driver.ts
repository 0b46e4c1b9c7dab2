import { StandinError } from '../../errors.ts';
import type { NamespaceNetwork, RunningSandbox, SandboxDriver } from '../driver.ts';
import { checkMounts } from '../mounts.ts';
import { adoptSandbox } from './adopt.ts';
import type { Enforced } from './cgroups.ts';
import { findProblems } from './preflight.ts';
import { sandboxFolders } from './records.ts';
import type { BubblewrapSandbox } from './running.ts';
import { startSandbox } from './start.ts';
import { openWorkshop, sandboxesIn } from './workshop.ts';
import type { Workshop } from './workshop.ts';

export interface BubblewrapOptions {
  /** On the server's disk, for this driver alone; made with mode 0700. */
  directory: string;
  /** Never mounted, nor anything that holds them or is in them: the data directory. */
  privateDirectories: string[];
  network: NamespaceNetwork;
}

export interface BubblewrapDriver extends SandboxDriver {
  /**
   * Prepares what all sandboxes use, so that the first one need not wait for it. Gives what is limited for a sandbox
   * as a whole; memory and pids that are not in it are limited for each process (setrlimit(2)), cpu is not.
   */
  prepare(): Promise<Enforced[]>;
}

/** Sandboxes as processes of this machine: bwrap, a network namespace in which every address is local, an agent inside. */
export function createBubblewrapDriver(options: BubblewrapOptions): BubblewrapDriver {
  const running = new Set<BubblewrapSandbox>();
  const starting = new Set<Promise<unknown>>();
  let workshop: Promise<Workshop> | null = null;
  let closed = false;
  const open = () =>
    (workshop ??= openWorkshop(options.directory).catch((error: unknown) => {
      workshop = null;
      throw error;
    }));

  async function start(spec: Parameters<SandboxDriver['create']>[0]): Promise<RunningSandbox> {
    const mounts = checkMounts(spec.mounts, [...options.privateDirectories, options.directory]);
    const sandbox = await startSandbox({ spec, mounts, workshop: await open(), network: options.network });
    keep(sandbox);
    return sandbox;
  }

  function keep(sandbox: BubblewrapSandbox): void {
    running.add(sandbox);
    void sandbox.ended.finally(() => running.delete(sandbox)).catch(() => undefined);
  }

  return {
    name: 'bubblewrap',
    runs: true,
    preflight: findProblems,
    prepare: async () => (await open()).cgroups?.enforced ?? [],
    async create(spec) {
      if (closed) throw new StandinError('unavailable', 'the server is stopping');
      const started = start(spec);
      starting.add(started);
      return started.finally(() => starting.delete(started));
    },
    async adopt(wanted) {
      const folders = sandboxFolders(sandboxesIn(options.directory));
      if (folders.length === 0) return [];
      const parts = { wanted, workshop: await open(), network: options.network };
      const adopted = await Promise.all(folders.map((folder) => adoptSandbox(folder, parts)));
      const found = adopted.filter((each) => each !== null);
      found.forEach(keep);
      return found;
    },
    async close() {
      closed = true;
      await Promise.allSettled(starting);
      for (const sandbox of running) sandbox.release();
      (await workshop?.catch(() => null))?.close();
    },
  };
}
