import { StandinError } from '../../errors.ts';
import type { NamespaceNetwork, PreflightProblem, RunningSandbox, SandboxDriver, SandboxSpec } from '../driver.ts';
import { checkMounts } from '../mounts.ts';
import type { CheckedMount } from '../mounts.ts';
import type { Enforced } from './cgroups.ts';
import { sandboxFolders } from './records.ts';
import type { SandboxFolder, SandboxRecord } from './records.ts';
import { openWorkshop, sandboxesIn } from './workshop.ts';
import type { Workshop } from './workshop.ts';

export interface LocalOptions {
  /** On the server's disk, for this driver alone; made with mode 0700. */
  directory: string;
  /** Never mounted, nor anything that holds them or is in them: the data directory. */
  privateDirectories: string[];
  /** Mounted read-only at most: where the server's program is. */
  programDirectories: string[];
  network: NamespaceNetwork;
}

export interface LocalDriver extends SandboxDriver {
  /**
   * Prepares what all sandboxes use, so that the first one need not wait for it. Gives what is limited for a sandbox
   * as a whole; memory and pids that are not in it are limited for each process (setrlimit(2)), cpu is not.
   */
  prepare(): Promise<Enforced[]>;
}

/** A sandbox of this machine, fresh or taken over. */
export interface LocalSandbox extends RunningSandbox {
  /** Lets go of it: it goes on without this server. */
  release(): void;
}

/** What a driver brings: how one is started, and taken over. */
export interface LocalKind<Kept extends SandboxRecord> {
  name: 'bubblewrap' | 'gvisor';
  preflight(): Promise<PreflightProblem[]>;
  start(what: {
    spec: SandboxSpec;
    mounts: CheckedMount[];
    workshop: Workshop;
    network: NamespaceNetwork;
  }): Promise<LocalSandbox>;
  /** Null, and nothing left of it, where it has ended, does not answer, or is not wanted. */
  adopt(
    folder: SandboxFolder<Kept>,
    parts: { wanted: ReadonlySet<string>; workshop: Workshop; network: NamespaceNetwork },
  ): Promise<LocalSandbox | null>;
}

/** A driver whose sandboxes are processes of this machine, and have a folder on its disk. */
export function createLocalDriver<Kept extends SandboxRecord>(
  kind: LocalKind<Kept>,
  options: LocalOptions,
): LocalDriver {
  const running = new Set<LocalSandbox>();
  const starting = new Set<Promise<unknown>>();
  let workshop: Promise<Workshop> | null = null;
  let closed = false;
  const open = () =>
    (workshop ??= openWorkshop(options.directory).catch((error: unknown) => {
      workshop = null;
      throw error;
    }));

  async function start(spec: SandboxSpec): Promise<RunningSandbox> {
    const mounts = checkMounts(spec.mounts, {
      privateDirs: [...options.privateDirectories, options.directory],
      programDirs: options.programDirectories,
    });
    const sandbox = await kind
      .start({ spec, mounts, workshop: await open(), network: options.network })
      .catch(async (error: unknown) => {
        throw await explained(error);
      });
    keep(sandbox);
    return sandbox;
  }

  /** What this machine lacks, where that is why a sandbox did not start. */
  async function explained(error: unknown): Promise<unknown> {
    if (!(error instanceof StandinError) || error.code !== 'unavailable') return error;
    const problems = await kind.preflight();
    if (problems.length === 0) return error;
    const said = problems.map(({ what, fix }) => `${what} (${fix})`).join('; ');
    return new StandinError('unavailable', `${kind.name} sandboxes cannot run here: ${said}`, { cause: error });
  }

  function keep(sandbox: LocalSandbox): void {
    running.add(sandbox);
    void sandbox.ended.finally(() => running.delete(sandbox)).catch(() => undefined);
  }

  return {
    name: kind.name,
    runs: true,
    preflight: () => kind.preflight(),
    prepare: async () => (await open()).cgroups?.enforced ?? [],
    async create(spec) {
      if (closed) throw new StandinError('unavailable', 'the server is stopping');
      const started = start(spec);
      starting.add(started);
      return started.finally(() => starting.delete(started));
    },
    async adopt(wanted) {
      const folders = sandboxFolders<Kept>(sandboxesIn(options.directory));
      if (folders.length === 0) return [];
      const parts = { wanted, workshop: await open(), network: options.network };
      const adopted = await Promise.all(folders.map((folder) => kind.adopt(folder, parts)));
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
