import { closeSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { pingAgent } from '../agent-client.ts';
import type { NamespaceNetwork } from '../driver.ts';
import { sandboxGroup } from './cgroups.ts';
import { endProcesses, watchLife } from './life.ts';
import { openNamespaceListeners } from './namespace-listeners.ts';
import { isRunning } from './process-identity.ts';
import { openSocket } from './records.ts';
import type { SandboxFolder, SandboxRecord } from './records.ts';
import { agentPath, runningSandbox } from './running.ts';
import type { BubblewrapSandbox } from './running.ts';
import { stopSweep } from './stop-sweep.ts';
import type { Workshop } from './workshop.ts';

/** How long the workers of a server that was killed may take to let go of a sandbox's ports. */
const freePortsMs = 5000;
const healthTimeoutMs = 5000;

/**
 * Takes over a sandbox that an earlier server started: the same processes, its network listened on again. Null, and
 * nothing left of it, where it has ended, does not answer, or is not wanted.
 */
export async function adoptSandbox(
  folder: SandboxFolder,
  { wanted, workshop, network }: { wanted: ReadonlySet<string>; workshop: Workshop; network: NamespaceNetwork },
): Promise<BubblewrapSandbox | null> {
  const record = folder.load();
  if (record === null) {
    folder.remove();
    return null;
  }
  const sandbox =
    wanted.has(record.id) && isRunning(record.launcher) ? await takeOver(record, { folder, workshop, network }) : null;
  if (sandbox === null) await end(record, folder);
  return sandbox;
}

async function takeOver(
  record: SandboxRecord,
  { folder, workshop, network }: { folder: SandboxFolder; workshop: Workshop; network: NamespaceNetwork },
): Promise<BubblewrapSandbox | null> {
  const { id, launcher, first, uid } = record;
  let agent: number | null = null;
  try {
    agent = openSocket(folder);
    if (!record.paused && !(await pingAgent(agentPath(agent), healthTimeoutMs))) throw new Error('it does not answer');
    await untilPortsAreFree(launcher.pid);
    const listeners = await openNamespaceListeners(launcher.pid, {
      script: workshop.scripts.listen,
      ipv6: record.ipv6,
      ownUserNamespace: uid === null,
    });
    await network.open(id, listeners);
    if (uid !== null) workshop.uids.keep(uid);
    const group = record.groups.length === 0 ? null : sandboxGroup(record.groups);
    return runningSandbox({
      record,
      folder,
      life: watchLife({ launcher, first }, agentPath(agent)),
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
    if (agent !== null) closeSync(agent);
    return null;
  }
}

async function end(record: SandboxRecord, folder: SandboxFolder): Promise<void> {
  const group = record.groups.length === 0 ? null : sandboxGroup(record.groups);
  const freezer = group?.freezer ?? stopSweep(record.launcher.pid);
  if (isRunning(record.launcher)) await freezer.thaw().catch(() => undefined);
  await endProcesses(record);
  await group?.remove();
  folder.remove();
}

/** Nobody listens in its network: a second listener would be refused only when it begins to accept. */
async function untilPortsAreFree(pid: number): Promise<void> {
  const until = performance.now() + freePortsMs;
  while (isListenedOn(pid)) {
    if (performance.now() > until) throw new Error('its ports are still taken');
    await delay(5);
  }
}

/** A TCP socket in the state LISTEN of proc_net_tcp(5), or any of UDP, on port 53. */
function isListenedOn(pid: number): boolean {
  const sockets = (name: string) => {
    try {
      return readFileSync(`/proc/${pid}/net/${name}`, 'latin1').split('\n').slice(1);
    } catch {
      return [];
    }
  };
  const port53 = (line: string) => /^\s*\d+: [0-9A-F]+:0035 /.test(line);
  const listens = (line: string) => port53(line) && / 0A /.test(line);
  return [...sockets('tcp'), ...sockets('tcp6')].some(listens) || [...sockets('udp'), ...sockets('udp6')].some(port53);
}
