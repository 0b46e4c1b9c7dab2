import { closeSync } from 'node:fs';
import { pingAgent } from '../agent-client.ts';
import type { NamespaceListener, NamespaceNetwork } from '../driver.ts';
import { sandboxGroup } from '../host/cgroups.ts';
import { endProcesses, livesOn, watchLife } from '../host/life.ts';
import type { LocalSandbox } from '../host/local-driver.ts';
import { closeListeners, openNamespaceListeners } from '../host/namespace-listeners.ts';
import { untilPortsAreFree } from '../host/free-ports.ts';
import { isRunning } from '../host/process-identity.ts';
import { openSocket, socketPath } from '../host/records.ts';
import type { SandboxFolder } from '../host/records.ts';
import { agentSocketName, dialAgent, runningSandbox } from './running.ts';
import type { BubblewrapRecord } from './running.ts';
import { stopSweep } from './stop-sweep.ts';
import type { Workshop } from '../host/workshop.ts';

const healthTimeoutMs = 5000;

/**
 * Takes over a sandbox that an earlier server started: the same processes, its network listened on again. Null, and
 * nothing left of it, where it has ended, does not answer, or is not wanted.
 */
export async function adoptSandbox(
  folder: SandboxFolder<BubblewrapRecord>,
  { wanted, workshop, network }: { wanted: ReadonlySet<string>; workshop: Workshop; network: NamespaceNetwork },
): Promise<LocalSandbox | null> {
  const record = folder.load();
  if (record === null) {
    folder.remove();
    return null;
  }
  const sandbox =
    wanted.has(record.id) && livesOn(record) ? await takeOver(record, { folder, workshop, network }) : null;
  if (sandbox === null) await end(record, folder);
  return sandbox;
}

async function takeOver(
  record: BubblewrapRecord,
  {
    folder,
    workshop,
    network,
  }: { folder: SandboxFolder<BubblewrapRecord>; workshop: Workshop; network: NamespaceNetwork },
): Promise<LocalSandbox | null> {
  const { id, launcher, first, uid } = record;
  let agent: number | null = null;
  let listeners: NamespaceListener[] = [];
  try {
    agent = openSocket(folder, agentSocketName);
    if (!record.paused && !(await pingAgent(dialAgent(agent), healthTimeoutMs))) throw new Error('it does not answer');
    await untilPortsAreFree(launcher.pid);
    ({ listeners } = await openNamespaceListeners(launcher.pid, {
      ipv6: record.ipv6,
      ownUserNamespace: uid === null,
    }));
    // Its number may be another's by now.
    if (!isRunning(launcher)) throw new Error('it ended meanwhile');
    await network.open(id, listeners);
    if (uid !== null) workshop.uids.keep(uid);
    const group = record.groups.length === 0 ? null : sandboxGroup(record.groups);
    return runningSandbox({
      record,
      folder,
      life: watchLife({ launcher, first }, socketPath(agent)),
      agent,
      freezer: group?.freezer ?? stopSweep(launcher.pid),
      listeners,
      network,
      letGo: () => undefined,
      cleanUp: async () => {
        await group?.remove();
        if (uid !== null) workshop.uids.release(uid);
      },
    });
  } catch {
    closeListeners(listeners);
    if (agent !== null) closeSync(agent);
    return null;
  }
}

async function end(record: BubblewrapRecord, folder: SandboxFolder<BubblewrapRecord>): Promise<void> {
  const group = record.groups.length === 0 ? null : sandboxGroup(record.groups);
  const freezer = group?.freezer ?? stopSweep(record.launcher.pid);
  if (isRunning(record.launcher)) await freezer.thaw().catch(() => undefined);
  await endProcesses(record);
  await group?.remove();
  folder.remove();
}
