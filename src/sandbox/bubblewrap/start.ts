import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { StandinError } from '../../errors.ts';
import { execThroughAgent, pingAgent } from '../agent-client.ts';
import type { ExecRequest, NamespaceNetwork, RunningSandbox, SandboxSpec } from '../driver.ts';
import type { CheckedMount } from '../mounts.ts';
import { bubblewrapArguments, stagedParts } from './arguments.ts';
import type { SandboxParts } from './arguments.ts';
import { firstProcess } from './first-process.ts';
import { inside, insideEnvironment } from './inside.ts';
import { Launcher } from './launcher.ts';
import { closeListeners, openNamespaceListeners } from './namespace-listeners.ts';
import { writeTrust } from './skeleton.ts';
import { stopSweep } from './stop-sweep.ts';
import type { Workshop } from './workshop.ts';

const startTimeoutMs = 20_000;
const healthTimeoutMs = 2000;
/** open(2): a descriptor of the place alone. The socket stays reachable through it after its name is gone. */
const O_PATH = 0o10_000_000;

export interface StartOptions {
  spec: SandboxSpec;
  mounts: CheckedMount[];
  workshop: Workshop;
  network: NamespaceNetwork;
}

/**
 * Brings up one sandbox: resolves when its agent answers and its network is listened on. Whatever was begun is undone
 * where a step fails.
 */
export async function startSandbox({ spec, mounts, workshop, network }: StartOptions): Promise<RunningSandbox> {
  const { scripts } = workshop;
  const system = workshop.systemOf(spec.template?.root ?? null);
  const isRoot = process.getuid?.() === 0;
  await using undo = new AsyncDisposableStack();
  const uid = isRoot ? workshop.uids.take() : null;
  undo.defer(() => void (uid !== null && workshop.uids.release(uid)));
  const cgroup = workshop.cgroups?.create(spec.id, spec.limits) ?? null;
  undo.defer(() => cgroup?.remove());
  const parts: SandboxParts = {
    node: process.execPath,
    agent: scripts.agent,
    etc: workshop.etc,
    trust: writeTrust(workshop.directory, spec),
    template: spec.template?.root ?? null,
    mounts,
  };
  const limited = workshop.cgroups?.enforced ?? [];
  const launcher = await Launcher.start({
    uid,
    directory: workshop.directory,
    socketName: `${spec.id}.sock`,
    seccomp: workshop.seccomp,
    ipv6: system.ipv6,
    staged: stagedParts(parts, isRoot),
    scratchMib: spec.limits.diskMib,
    command: firstProcess(spec.limits, {
      own: system.own,
      each: { memory: !limited.includes('memory'), pids: !limited.includes('pids') },
    }),
  });
  undo.defer(() => launcher.kill());
  const agent = openSocket(join(workshop.directory, `${spec.id}.sock`));
  undo.defer(() => closeSync(agent));
  const agentPath = `/proc/self/fd/${agent}`;
  cgroup?.add(launcher.pid);
  const opening = openNamespaceListeners(launcher.pid, {
    script: scripts.listen,
    ipv6: system.ipv6,
    ownUserNamespace: !isRoot,
  });
  launcher.release(bubblewrapArguments(system, parts));
  const listeners = await opening;
  undo.defer(() => closeListeners(listeners));
  await network.open(spec.id, listeners);
  undo.defer(() => network.close(spec.id));
  const up = await Promise.race([pingAgent(agentPath, startTimeoutMs), launcher.ended.then(() => false)]);
  if (!up) {
    await launcher.kill();
    throw launcher.failure();
  }

  const started = undo.move();
  const baseEnv = insideEnvironment({ ...system, node: spec.template === null });
  const freezer = cgroup?.freezer ?? stopSweep(launcher.pid);
  let frozen = false;
  let destroyed: Promise<void> | null = null;
  const destroy = () => (destroyed ??= end());
  const end = async () => {
    // What is frozen does not die under version 1.
    if (frozen) await freezer.thaw().catch(() => undefined);
    await started.disposeAsync();
  };
  return {
    id: spec.id,
    baseEnv,
    ended: launcher.ended.then(destroy),
    destroy,
    health: () => (frozen ? Promise.resolve(true) : pingAgent(agentPath, healthTimeoutMs)),
    exec(request: ExecRequest) {
      if (destroyed !== null) return Promise.reject(new StandinError('unavailable', 'the sandbox has ended'));
      if (frozen) return Promise.reject(new StandinError('unavailable', 'the sandbox is paused: resume it first'));
      return execThroughAgent(agentPath, {
        command: request.command,
        ...(request.args === undefined ? {} : { args: request.args }),
        ...(request.tty === undefined ? {} : { tty: request.tty }),
        env: { ...baseEnv, ...(request.tty === undefined ? {} : { TERM: 'xterm-256color' }), ...request.env },
        workingDir: request.workingDir ?? inside.home,
      });
    },
    get paused() {
      return frozen;
    },
    files: {
      read: notYet,
      write: notYet,
      list: notYet,
      walk: () => ({ [Symbol.asyncIterator]: () => ({ next: notYet }) }),
    },
    connect: notYet,
    async pause() {
      await freezer.freeze();
      frozen = true;
    },
    async resume() {
      await freezer.thaw();
      frozen = false;
    },
  };
}

const notYet = () => Promise.reject(new StandinError('not_implemented', 'files and ports are not there yet'));

/** A descriptor of the agent's socket; no name leads to it any more. */
function openSocket(path: string): number {
  const fd = openSync(path, O_PATH);
  unlinkSync(path);
  return fd;
}
