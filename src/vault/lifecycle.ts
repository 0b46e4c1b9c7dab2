import { StandinError } from '../errors.ts';
import type { SandboxRecord } from '../store/store.ts';
import type { VaultDeps } from './deps.ts';
import type { Fleet } from './fleet.ts';
import { parseNetwork, refuseTunnelledSecrets } from './network-rules.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { autoDeleteSeconds, requireMetadata, timeoutSeconds } from './sandbox-input.ts';
import { notFound, requireWhole } from './text.ts';
import type { UpdateSandboxInput } from './types.ts';

/** Changes of a sandbox's state, one after the other for each. What is given is what the caller found: it is read anew. */
export interface Lifecycle {
  pause(sandbox: SandboxRecord): Promise<void>;
  /** Its access tokens are replaced. */
  resume(sandbox: SandboxRecord): Promise<SandboxRecord>;
  /** The same for one that is active already. */
  activate(sandbox: SandboxRecord): Promise<SandboxRecord>;
  update(sandbox: SandboxRecord, change: UpdateSandboxInput): Promise<void>;
  remove(sandbox: SandboxRecord): Promise<void>;
  /** Does what is due: pauses those whose time is up, deletes those that were paused for long enough. */
  sweep(): Promise<void>;
}

type Deps = Pick<VaultDeps, 'store' | 'drivers' | 'server' | 'changed' | 'scheduled' | 'logger' | 'now'>;

export function createLifecycle(deps: Deps, fleet: Fleet): Lifecycle {
  const { store, changed, scheduled, logger, now } = deps;
  const turns = new OneAtATime();

  /** As it is now, when its turn has come. */
  function inTurn<Result>({ id }: SandboxRecord, work: (sandbox: SandboxRecord) => Promise<Result>): Promise<Result> {
    return turns.run(id, async () => {
      const sandbox = await store.sandboxes.byId(id);
      if (sandbox === null) throw notFound('sandbox');
      return work(sandbox);
    });
  }

  function requireRunByUs({ driver }: SandboxRecord): void {
    if (deps.drivers.get(driver)?.runs === true) return;
    throw new StandinError(
      'conflict',
      `a sandbox of the driver ${driver} is run by somebody else: pause and resume it where it runs`,
    );
  }

  async function pause(sandbox: SandboxRecord): Promise<void> {
    requireRunByUs(sandbox);
    if (sandbox.status !== 'active') throw wrongState(sandbox, 'paused', 'active');
    const running = fleet.find(sandbox);
    await running.pause();
    const paused = { status: 'paused', pausedAt: now(), activeSince: null } as const;
    const noted = await store.sandboxes.update(sandbox.id, paused, ['active']).catch(async (error: unknown) => {
      await running.resume();
      throw error;
    });
    if (noted === null) throw notFound('sandbox');
    scheduled();
  }

  async function resume(sandbox: SandboxRecord): Promise<SandboxRecord> {
    requireRunByUs(sandbox);
    if (sandbox.status !== 'paused') throw wrongState(sandbox, 'resumed', 'paused');
    const running = fleet.find(sandbox);
    await store.sandboxes.update(sandbox.id, { status: 'resuming' }, ['paused']);
    try {
      await running.resume();
    } catch (error) {
      await store.sandboxes.update(sandbox.id, { status: 'paused' }, ['resuming']);
      throw error;
    }
    const active = { status: 'active', activeSince: now(), pausedAt: null } as const;
    const accessGeneration = sandbox.accessGeneration + 1;
    const resumed = await store.sandboxes.update(sandbox.id, { ...active, accessGeneration }, ['resuming']);
    if (resumed === null) throw notFound('sandbox');
    scheduled();
    return resumed;
  }

  async function rotateAccess(sandbox: SandboxRecord): Promise<SandboxRecord> {
    const accessGeneration = sandbox.accessGeneration + 1;
    const rotated = await store.sandboxes.update(sandbox.id, { accessGeneration });
    if (rotated === null) throw notFound('sandbox');
    return rotated;
  }

  async function remove(sandbox: SandboxRecord): Promise<void> {
    if (!(await store.sandboxes.remove(sandbox.id, now()))) throw notFound('sandbox');
    try {
      await changed([sandbox.id]);
    } finally {
      await fleet.end(sandbox.id);
    }
  }

  async function update(sandbox: SandboxRecord, change: UpdateSandboxInput): Promise<void> {
    const { metadata, network, previewAccess } = change;
    if (metadata !== undefined) requireMetadata(metadata);
    const times = {
      ...seconds('timeoutSeconds', { field: 'timeout_seconds', value: change.timeoutSeconds, range: timeoutSeconds }),
      ...seconds('autoDeleteSeconds', {
        field: 'auto_delete_seconds',
        value: change.autoDeleteSeconds,
        range: autoDeleteSeconds,
      }),
    };
    const rules = network === undefined ? undefined : parseNetwork({ ...kept(sandbox), ...network });
    if (rules !== undefined) {
      if (sandbox.status !== 'active') throw wrongState(sandbox, 'given other network rules', 'active');
      const bound = await store.bindings.bySandbox(sandbox.id);
      refuseTunnelledSecrets(
        rules,
        bound.map(({ secret }) => secret),
      );
    }
    const updated = await store.sandboxes.update(sandbox.id, {
      ...times,
      ...(metadata === undefined ? {} : { metadata }),
      ...(rules === undefined ? {} : { network: rules }),
      ...(previewAccess === undefined ? {} : { previewAccess }),
      // Of one that is paused it counts from now.
      ...(sandbox.status === 'paused' && change.autoDeleteSeconds !== undefined ? { pausedAt: now() } : {}),
    });
    if (updated === null) throw notFound('sandbox');
    if (rules !== undefined) await changed([sandbox.id]);
    scheduled();
  }

  return {
    pause: (sandbox) => inTurn(sandbox, pause),
    resume: (sandbox) => inTurn(sandbox, resume),
    activate: (sandbox) =>
      inTurn(sandbox, async (current) => {
        if (current.status === 'paused') return await resume(current);
        if (current.status !== 'active') throw wrongState(current, 'activated', 'active or paused');
        return await rotateAccess(current);
      }),
    update: (sandbox, change) => inTurn(sandbox, (current) => update(current, change)),
    remove: (sandbox) => inTurn(sandbox, remove),

    async sweep() {
      for (const due of await store.sandboxes.due(deps.server, now())) {
        const { id, status } = due;
        // It may have changed since, and then it is not due.
        const work = (current: SandboxRecord) =>
          current.status !== status || !isDue(current, now())
            ? Promise.resolve()
            : status === 'active'
              ? pause(current)
              : remove(current);
        await inTurn(due, work).catch((err: unknown) =>
          logger.error({ err, sandbox: id, status }, 'a sandbox whose time is up could not be ended'),
        );
      }
    },
  };
}

/** When a sandbox is paused or deleted by itself; null: never. */
export function dueAt({
  status,
  activeSince,
  timeoutSeconds: active,
  pausedAt,
  autoDeleteSeconds: paused,
}: SandboxRecord): Date | null {
  if (status === 'active' && activeSince !== null && active !== null) return later(activeSince, active);
  if (status === 'paused' && pausedAt !== null && paused !== null) return later(pausedAt, paused);
  return null;
}

function isDue(sandbox: SandboxRecord, at: Date): boolean {
  const due = dueAt(sandbox);
  return due !== null && due <= at;
}

function later(at: Date, byWhat: number): Date {
  return new Date(at.getTime() + byWhat * 1000);
}

/** What a change of the lists of hosts leaves as it is. */
function kept({
  network: { intercept, tunnel_out: tunnelOut },
}: SandboxRecord): Pick<SandboxRecord['network'], 'intercept' | 'tunnel_out'> {
  return {
    ...(intercept === undefined ? {} : { intercept }),
    ...(tunnelOut === undefined ? {} : { tunnel_out: tunnelOut }),
  };
}

function seconds<Key extends string>(
  key: Key,
  { field, value, range }: { field: string; value: number | null | undefined; range: readonly [number, number] },
): Partial<Record<Key, number | null>> {
  if (value === undefined) return {};
  const judged = value === null ? null : requireWhole(field, value, range);
  const change: Partial<Record<Key, number | null>> = {};
  change[key] = judged;
  return change;
}

function wrongState({ status }: SandboxRecord, done: string, needed: string): StandinError {
  return new StandinError('conflict', `the sandbox is ${status}: only one that is ${needed} can be ${done}`);
}
