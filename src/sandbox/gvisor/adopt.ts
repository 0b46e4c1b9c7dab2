import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pingAgent } from '../agent-client.ts';
import { sandboxGroup } from '../host/cgroups.ts';
import { endProcesses, livesOn } from '../host/life.ts';
import type { LocalSandbox } from '../host/local-driver.ts';
import type { SandboxFolder } from '../host/records.ts';
import { adoptMachine } from './machine.ts';
import type { Machine, MachineParts } from './machine.ts';
import { imageName } from './record.ts';
import type { GvisorRecord } from './record.ts';
import { runningSandbox } from './running.ts';

const healthTimeoutMs = 5000;

/**
 * Takes over a sandbox that an earlier server started: the same processes, its network listened on again; or its image on
 * disk. Null, and nothing left of it, where it has ended, does not answer, or is not wanted.
 */
export async function adoptSandbox(
  folder: SandboxFolder<GvisorRecord>,
  { wanted, ...parts }: { wanted: ReadonlySet<string> } & Omit<MachineParts, 'folder'>,
): Promise<LocalSandbox | null> {
  const record = folder.load();
  if (record === null) {
    folder.remove();
    return null;
  }
  const machineParts = { ...parts, folder };
  const image = join(folder.path, imageName);
  if (wanted.has(record.id)) {
    if (record.paused && existsSync(image)) {
      // Whatever runs of it was on its way out, or on its way back and not yet there: the image is what counts.
      await endProcessesOf(record);
      return runningSandbox({ record, machine: null }, machineParts);
    }
    const machine = livesOn(record) ? await takeOver(record, machineParts) : null;
    if (machine !== null) {
      // Of a pause that is over.
      rmSync(image, { recursive: true, force: true });
      return runningSandbox({ record, machine }, machineParts);
    }
    // It was written to disk meanwhile.
    if (record.paused && existsSync(image)) {
      await endProcessesOf(record);
      return runningSandbox({ record, machine: null }, machineParts);
    }
  }
  await endProcessesOf(record);
  folder.remove();
  return null;
}

async function takeOver(record: GvisorRecord, parts: MachineParts): Promise<Machine | null> {
  let machine: Machine | null = null;
  try {
    machine = await adoptMachine(record, parts);
    if (record.paused) {
      // It may not have come to it: a second time is refused and changes nothing.
      await machine.tell('pause').catch(() => undefined);
      await machine.tell('save');
      return machine;
    }
    await machine.openNetwork();
    if (await pingAgent(machine.dial, healthTimeoutMs)) return machine;
  } catch {
    // It cannot be reached, or has ended.
  }
  machine?.release();
  return null;
}

async function endProcessesOf(record: GvisorRecord): Promise<void> {
  await endProcesses(record);
  if (record.groups.length > 0) await sandboxGroup(record.groups).remove();
}
