import { StandinError } from '../errors.ts';
import type { RunningSandbox, SandboxSpec } from '../sandbox/driver.ts';
import type { SandboxRecord } from '../store/store.ts';
import type { VaultDeps } from './deps.ts';

/** The sandboxes that run in this process's care, by id. */
export interface Fleet {
  /** Starts one. Rejects, and leaves nothing behind, where the driver cannot. */
  start(driverName: string, spec: SandboxSpec): Promise<void>;
  /** Throws `conflict` where somebody else runs it, `unavailable` where it does not run. */
  require(sandbox: SandboxRecord): RunningSandbox;
  /** The same, whatever its state is: `conflict`, or `unavailable`. */
  find(sandbox: SandboxRecord): RunningSandbox;
  /** Those that run here. */
  ids(): string[];
  /** Ends it, if it runs here. Never rejects: what cannot be ended is logged. */
  end(sandboxId: string): Promise<void>;
  /**
   * At the start of a server: takes over what the last one ran and did not delete, paused or not as the store has it. What
   * has ended is marked `failed`.
   */
  recover(): Promise<void>;
}

export function createFleet({
  store,
  drivers,
  logger,
  server,
}: Pick<VaultDeps, 'store' | 'drivers' | 'logger' | 'server'>): Fleet {
  const running = new Map<string, RunningSandbox>();

  async function lost(sandbox: RunningSandbox): Promise<void> {
    if (running.get(sandbox.id) !== sandbox) return;
    running.delete(sandbox.id);
    logger.warn({ sandbox: sandbox.id }, 'a sandbox ended by itself');
    await store.sandboxes.update(sandbox.id, { status: 'failed' });
  }

  function find(sandbox: SandboxRecord): RunningSandbox {
    if (drivers.get(sandbox.driver)?.runs === false) {
      throw new StandinError(
        'conflict',
        `driver: ${sandbox.driver} sandboxes are run by somebody else, not by Standin`,
      );
    }
    if (sandbox.server !== null && sandbox.server !== server) {
      throw new StandinError('unavailable', `the sandbox is run by another server (${sandbox.server}): ask that one`);
    }
    const found = running.get(sandbox.id);
    if (found === undefined || sandbox.status === 'failed') {
      throw new StandinError('unavailable', 'the sandbox does not run here any more; delete it and create another');
    }
    return found;
  }

  function keep(sandbox: RunningSandbox): void {
    running.set(sandbox.id, sandbox);
    sandbox.ended
      .then(() => lost(sandbox))
      .catch((err: unknown) => logger.error({ err, sandbox: sandbox.id }, 'the end of a sandbox was not noted'));
  }

  /** Makes of a sandbox what the store has, and of the store what there is. One that was being resumed is paused. */
  async function settle({ id, status }: SandboxRecord): Promise<void> {
    const sandbox = running.get(id);
    if (status === 'failed') return;
    if (sandbox === undefined) {
      logger.warn({ sandbox: id }, 'a sandbox ended while no server was there');
      await store.sandboxes.update(id, { status: 'failed' });
      return;
    }
    const paused = status !== 'active';
    try {
      if (paused && !sandbox.paused) await sandbox.pause();
      if (!paused && sandbox.paused) await sandbox.resume();
      if (status === 'resuming') await store.sandboxes.update(id, { status: 'paused' });
    } catch (err) {
      logger.error({ err, sandbox: id }, 'a sandbox could not be made what it was');
      running.delete(id);
      await sandbox.destroy();
      await store.sandboxes.update(id, { status: 'failed' });
    }
  }

  return {
    async start(driverName, spec) {
      const driver = drivers.get(driverName);
      if (driver?.runs !== true) return;
      keep(await driver.create(spec));
    },

    find,
    ids: () => [...running.keys()],

    require(sandbox) {
      if (
        drivers.get(sandbox.driver)?.runs !== false &&
        (sandbox.status === 'paused' || sandbox.status === 'resuming')
      ) {
        throw new StandinError('unavailable', 'the sandbox is paused; resume it first');
      }
      return find(sandbox);
    },

    async end(sandboxId) {
      const sandbox = running.get(sandboxId);
      running.delete(sandboxId);
      await sandbox
        ?.destroy()
        .catch((err: unknown) => logger.error({ err, sandbox: sandboxId }, 'a sandbox did not end'));
    },

    async recover() {
      const known = await store.sandboxes.byServer(server);
      const wanted = new Set(known.filter(({ status }) => status !== 'failed').map(({ id }) => id));
      for (const driver of drivers.values()) {
        if (driver.runs) for (const sandbox of await driver.adopt(wanted)) keep(sandbox);
      }
      await Promise.all(known.map((each) => settle(each)));
    },
  };
}

/** Ends those that run here and were deleted, as by another server on the same database. Null: any may have been. */
export async function reconcile(
  { store }: Pick<VaultDeps, 'store'>,
  fleet: Fleet,
  sandboxIds: readonly string[] | null,
): Promise<void> {
  const here = fleet.ids();
  for (const id of sandboxIds === null ? here : here.filter((each) => sandboxIds.includes(each))) {
    const sandbox = await store.sandboxes.byIdEver(id);
    // One that is being made is not there yet.
    if (sandbox !== null && sandbox.deletedAt !== null) await fleet.end(id);
  }
}
