import { closeSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pingAgent } from '../agent-client.ts';
import type { DialAgent } from '../agent-dial.ts';
import type { NamespaceListener, NamespaceNetwork, SandboxLimits } from '../driver.ts';
import { sandboxGroup } from '../host/cgroups.ts';
import type { SandboxCgroup } from '../host/cgroups.ts';
import { untilPortsAreFree } from '../host/free-ports.ts';
import { endProcesses, watchLife } from '../host/life.ts';
import { closeListeners, openNamespaceListeners } from '../host/namespace-listeners.ts';
import { childrenOf, identify } from '../host/process-identity.ts';
import type { ProcessIdentity } from '../host/process-identity.ts';
import { openSocket, socketPath } from '../host/records.ts';
import type { SandboxFolder } from '../host/records.ts';
import type { Workshop } from '../host/workshop.ts';
import { AgentCalls } from './agent-calls.ts';
import { Keeper, keeperSocketName, tellKeeper } from './keeper.ts';
import type { KeeperAnswer, KeeperCommand } from './keeper.ts';
import type { GvisorRecord } from './record.ts';

const agentTimeoutMs = 20_000;
const quietTimeoutMs = 1000;
/** What gVisor's own kernel takes beside the sandbox: memory, and threads of the host. */
const overhead = { memoryMib: 128, pids: 256 };

export interface MachineParts {
  folder: SandboxFolder<GvisorRecord>;
  workshop: Workshop;
  network: NamespaceNetwork;
}

/** A sandbox in memory: its keeper, gVisor's processes, and its network. */
export interface Machine {
  readonly dial: DialAgent;
  /** Resolves when all of it has ended. */
  readonly ended: Promise<void>;
  tell(command: KeeperCommand): Promise<KeeperAnswer>;
  openNetwork(): Promise<void>;
  /** Has the agent call nobody for a while: it is about to be stopped. */
  quieten(): Promise<void>;
  closeNetwork(how: { remember: boolean }): Promise<void>;
  /** Ends all of it, and what is left of it but the folder. */
  end(): Promise<void>;
  /** Lets go of it: it goes on without this server. */
  release(): void;
}

/**
 * Makes one from the plan of a record, or restores it from the image beside that. What was begun is undone where a step fails;
 * what a server that is killed has begun, the next one finds by the record.
 */
export async function startMachine(
  before: GvisorRecord,
  how: 'run' | 'restore',
  { folder, workshop, network }: MachineParts,
): Promise<{ record: GvisorRecord; machine: Machine }> {
  await using undo = new AsyncDisposableStack();
  for (const name of ['state', keeperSocketName, 'sentry.pid']) {
    rmSync(join(folder.path, name), { recursive: true, force: true });
  }
  const cgroup = workshop.cgroups?.create(before.id, groupLimits(before.limits)) ?? null;
  undo.defer(() => cgroup?.remove());
  const keeper = new Keeper({ directory: folder.path, ipv6: before.ipv6, given: before.token, plan: before.plan });
  const launcher = identify(keeper.pid);
  if (launcher === null) throw keeper.failure();
  let first: ProcessIdentity | null = null;
  undo.defer(() => endProcesses({ launcher, first }));
  cgroup?.add(keeper.pid);
  let record: GvisorRecord = { ...before, launcher, first, groups: cgroup?.places ?? [] };
  folder.save(record);
  await keeper.enter();
  const [child] = childrenOf(launcher.pid);
  first = child === undefined ? null : identify(child);
  record = { ...record, first };
  folder.save(record);
  const control = openSocket(folder, keeperSocketName);
  undo.defer(() => closeSync(control));
  const machine = aroundKeeper({ record, control, cgroup, network, letGo: () => keeper.letGo() });
  await machine.openNetwork();
  undo.defer(() => machine.closeNetwork({ remember: how === 'restore' }));
  try {
    await machine.tell(how);
  } catch (error) {
    throw keeper.failure(error instanceof Error ? error.message : 'unknown');
  }
  const up = await Promise.race([pingAgent(machine.dial, agentTimeoutMs), keeper.ended.then(() => false)]);
  if (!up) throw keeper.failure('its agent did not call');
  undo.move();
  return { record, machine };
}

/** Takes over one that an earlier server started; its network is not opened yet. */
export async function adoptMachine(
  record: GvisorRecord,
  { folder, network }: Pick<MachineParts, 'folder' | 'network'>,
): Promise<Machine> {
  await untilPortsAreFree(record.launcher.pid);
  const control = openSocket(folder, keeperSocketName);
  const cgroup = record.groups.length === 0 ? null : sandboxGroup(record.groups);
  return aroundKeeper({ record, control, cgroup, network, letGo: () => undefined });
}

interface KeeperParts extends Pick<MachineParts, 'network'> {
  record: GvisorRecord;
  /** A descriptor of the keeper's socket. */
  control: number;
  cgroup: SandboxCgroup | null;
  letGo: () => void;
}

function aroundKeeper({ record, control, cgroup, network, letGo }: KeeperParts): Machine {
  const path = socketPath(control);
  const { id, launcher, first, ipv6, token } = record;
  const life = watchLife({ launcher, first }, path);
  let calls: AgentCalls | null = null;
  let listeners: NamespaceListener[] = [];
  const letListenersGo = () => {
    closeListeners(listeners);
    listeners = [];
    calls?.close();
    calls = null;
  };
  return {
    dial: () => calls?.dial() ?? Promise.reject(new Error('its network is closed')),
    ended: life.ended,
    tell: (command) => tellKeeper(path, command),
    async quieten() {
      const asked = calls === null ? undefined : pingAgent(calls.dial, quietTimeoutMs, 'rest');
      // One that does not answer is no reason not to stop it: the keeper looks for itself.
      await Promise.race([asked, delay(quietTimeoutMs, undefined, { ref: false })]);
    },
    async openNetwork() {
      const opened = await openNamespaceListeners(launcher.pid, {
        ipv6,
        ownUserNamespace: false,
        withAgent: true,
      });
      listeners = opened.listeners;
      calls = new AgentCalls(opened.agent, token);
      await network.open(id, listeners);
    },
    async closeNetwork(how) {
      await network.close(id, how);
      letListenersGo();
    },
    async end() {
      await life.kill();
      closeSync(control);
      await cgroup?.remove();
    },
    release() {
      letListenersGo();
      closeSync(control);
      letGo();
    },
  };
}

function groupLimits(limits: SandboxLimits): SandboxLimits {
  return { ...limits, memoryMib: limits.memoryMib + overhead.memoryMib, pids: limits.pids + overhead.pids };
}
