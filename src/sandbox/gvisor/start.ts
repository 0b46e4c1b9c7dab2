import { randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { NamespaceNetwork, SandboxSpec } from '../driver.ts';
import { insideEnvironment } from '../host/inside.ts';
import type { LocalSandbox } from '../host/local-driver.ts';
import { SandboxFolder } from '../host/records.ts';
import { thisMachine } from '../host/system-calls.ts';
import type { Workshop } from '../host/workshop.ts';
import type { CheckedMount } from '../mounts.ts';
import { startMachine } from './machine.ts';
import { makePlan } from './plan.ts';
import type { GvisorRecord } from './record.ts';
import { runningSandbox } from './running.ts';
import type { RunscLacks } from './runsc.ts';
import { preloadName, shimPart } from './stat-shim.ts';

export interface StartOptions {
  spec: SandboxSpec;
  mounts: CheckedMount[];
  workshop: Workshop;
  network: NamespaceNetwork;
  /** What this machine's runsc lacks, tried once. */
  runsc: () => Promise<RunscLacks>;
}

/** A template that brings a file of what is to be loaded first keeps it, and does without ours. */
const isWanted = (template: string | null) =>
  template === null || lstatSync(join(template, 'etc', preloadName), { throwIfNoEntry: false }) === undefined;

/** Brings up one sandbox: resolves when its agent has called and its network is listened on. */
export async function startSandbox({ spec, mounts, workshop, network, runsc }: StartOptions): Promise<LocalSandbox> {
  const template = spec.template?.root ?? null;
  const system = workshop.systemOf(template, mounts);
  await using undo = new AsyncDisposableStack();
  const folder = new SandboxFolder<GvisorRecord>(workshop.sandboxes, spec.id);
  folder.make();
  undo.defer(() => folder.remove());
  const trust = workshop.trust(spec);
  const shim = isWanted(template) && (await runsc()).refusesNoAutomount ? shimPart(workshop, thisMachine()) : null;
  const enforced = workshop.cgroups?.enforced ?? [];
  const record: GvisorRecord = {
    id: spec.id,
    // Known once it runs; until then nothing is saved.
    launcher: { pid: 0, start: 0, boot: '' },
    first: null,
    groups: [],
    parts: [workshop.part, trust.part, ...(shim === null ? [] : [shim.part])],
    ipv6: system.ipv6,
    baseEnv: insideEnvironment({ ...system, node: spec.template === null }),
    paused: false,
    token: randomBytes(16).toString('hex'),
    limits: spec.limits,
    plan: makePlan({
      system,
      node: process.execPath,
      agent: workshop.scripts.agent,
      seccomp: workshop.seccomp,
      etc: workshop.etc,
      trust: trust.path,
      shim: shim?.path ?? null,
      template,
      mounts,
      limits: spec.limits,
      // Beside the group, in which gVisor as a whole would be ended: a process alone is told that there is no more.
      each: { memory: true, pids: !enforced.includes('pids') },
    }),
  };
  const parts = { folder, workshop, network };
  const started = await startMachine(record, 'run', parts);
  undo.move();
  return runningSandbox(started, parts);
}
