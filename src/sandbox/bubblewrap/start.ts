import { closeSync } from 'node:fs';
import type { NamespaceNetwork, SandboxSpec } from '../driver.ts';
import { pingAgent } from '../agent-client.ts';
import type { CheckedMount } from '../mounts.ts';
import { bubblewrapArguments, stagedParts } from './arguments.ts';
import type { SandboxParts } from './arguments.ts';
import { firstProcess } from '../host/first-process.ts';
import { insideEnvironment } from '../host/inside.ts';
import { Launcher } from './launcher.ts';
import type { LocalSandbox } from '../host/local-driver.ts';
import { closeListeners } from '../host/namespace-listeners.ts';
import { childrenOf, identify } from '../host/process-identity.ts';
import { SandboxFolder, openSocket } from '../host/records.ts';
import { agentSocketName, dialAgent, runningSandbox } from './running.ts';
import type { BubblewrapRecord } from './running.ts';
import { stopSweep } from './stop-sweep.ts';
import type { Workshop } from '../host/workshop.ts';

const startTimeoutMs = 20_000;
/** The descriptor of the agent's listening socket, as the launcher leaves it. */
const agentSocket = '3';

export interface StartOptions {
  spec: SandboxSpec;
  mounts: CheckedMount[];
  workshop: Workshop;
  network: NamespaceNetwork;
}

/**
 * Brings up one sandbox: resolves when its agent answers and its network is listened on. Whatever was begun is undone
 * where a step fails; what a server that is killed has begun, the next one finds by the record and undoes.
 */
export async function startSandbox({ spec, mounts, workshop, network }: StartOptions): Promise<LocalSandbox> {
  const system = workshop.systemOf(spec.template?.root ?? null, mounts);
  const isRoot = process.getuid?.() === 0;
  await using undo = new AsyncDisposableStack();
  const uid = isRoot ? workshop.uids.take() : null;
  undo.defer(() => void (uid !== null && workshop.uids.release(uid)));
  const cgroup = workshop.cgroups?.create(spec.id, spec.limits) ?? null;
  undo.defer(() => cgroup?.remove());
  const folder = new SandboxFolder<BubblewrapRecord>(workshop.sandboxes, spec.id);
  folder.make();
  undo.defer(() => folder.remove());
  const trust = workshop.trust(spec);
  const parts: SandboxParts = {
    node: process.execPath,
    agent: workshop.scripts.agent,
    etc: workshop.etc,
    trust: trust.path,
    template: spec.template?.root ?? null,
    mounts,
  };
  const limited = workshop.cgroups?.enforced ?? [];
  const launcher = await Launcher.start({
    uid,
    directory: folder.path,
    socketName: agentSocketName,
    seccomp: workshop.seccomp,
    ipv6: system.ipv6,
    staged: stagedParts(parts, isRoot),
    scratchMib: spec.limits.diskMib,
    command: firstProcess(spec.limits, {
      own: system.own,
      each: { memory: !limited.includes('memory'), pids: !limited.includes('pids') },
      agent: agentSocket,
      given: false,
    }),
  });
  undo.defer(() => launcher.kill());
  const { listeners } = launcher;
  undo.defer(() => closeListeners(listeners));
  const agent = openSocket(folder, agentSocketName);
  undo.defer(() => closeSync(agent));
  cgroup?.add(launcher.pid);
  const identity = identify(launcher.pid);
  if (identity === null) throw launcher.failure();
  let record: BubblewrapRecord = {
    id: spec.id,
    launcher: identity,
    first: null,
    uid,
    groups: cgroup?.places ?? [],
    parts: [workshop.part, trust.part],
    ipv6: system.ipv6,
    baseEnv: insideEnvironment({ ...system, node: spec.template === null }),
    paused: false,
  };
  folder.save(record);
  launcher.release(bubblewrapArguments(system, parts));
  await network.open(spec.id, listeners);
  undo.defer(() => network.close(spec.id));
  const up = await Promise.race([pingAgent(dialAgent(agent), startTimeoutMs), launcher.ended.then(() => false)]);
  if (!up) {
    await launcher.kill();
    throw launcher.failure();
  }
  const [first] = childrenOf(launcher.pid);
  record = { ...record, first: first === undefined ? null : identify(first) };
  folder.save(record);

  undo.move();
  return runningSandbox({
    record,
    folder,
    life: launcher,
    agent,
    freezer: cgroup?.freezer ?? stopSweep(launcher.pid),
    listeners,
    network,
    letGo: () => launcher.letGo(),
    cleanUp: async () => {
      await cgroup?.remove();
      if (uid !== null) workshop.uids.release(uid);
    },
  });
}
