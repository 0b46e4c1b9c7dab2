import { badField, StandinError } from '../errors.ts';
import type { Mount, Template } from '../sandbox/driver.ts';
import type { SandboxRecord } from '../store/store.ts';
import type { VaultDeps } from './deps.ts';
import { didYouMean } from './nearest.ts';
import { parseNetwork } from './network-rules.ts';
import {
  autoDeleteSeconds,
  requireEnvironment,
  requireMetadata,
  requireMounts,
  timeoutSeconds,
} from './sandbox-input.ts';
import { requireLabel, requireWhole } from './text.ts';
import type { Caller, CreateSandboxInput } from './types.ts';

const base = 'base';

/** A sandbox as the caller wishes it, judged; nothing of it exists yet. */
export type SandboxPlan = Pick<
  SandboxRecord,
  | 'name'
  | 'driver'
  | 'envVars'
  | 'metadata'
  | 'network'
  | 'timeoutSeconds'
  | 'autoDeleteSeconds'
  | 'vcpuCount'
  | 'memoryMib'
  | 'template'
  | 'previewAccess'
> & { mounts: Mount[]; tree: Template | null };

/** Throws `bad_request` that names the field, and `forbidden` for what only an operator key may ask. */
export function planSandbox(
  { drivers, defaultDriver, limits, templates }: Pick<VaultDeps, 'drivers' | 'defaultDriver' | 'limits' | 'templates'>,
  caller: Caller,
  input: CreateSandboxInput,
): SandboxPlan {
  const name = requireLabel('name', input.name, 64);
  const driver = input.driver ?? defaultDriver;
  const known = drivers.get(driver);
  if (known === undefined) {
    const names = [...drivers.keys()];
    throw badField('driver', `must be one of ${names.join(', ')}.${didYouMean(driver, names)}`);
  }
  const mounts = input.mounts ?? [];
  if (mounts.length > 0) {
    if (!caller.operator) {
      throw new StandinError('forbidden', "mounts: sharing the server's directories takes an operator key");
    }
    if (!known.runs)
      throw badField('mounts', `a sandbox of the driver ${driver} is run by somebody else, and takes none`);
    requireMounts(mounts);
  }
  const envVars = input.envVars ?? {};
  requireEnvironment(envVars, input.secrets ?? {});
  const metadata = input.metadata ?? {};
  requireMetadata(metadata);
  return {
    name,
    driver,
    envVars,
    metadata,
    network: parseNetwork(input.network),
    timeoutSeconds: seconds('timeout_seconds', input.timeoutSeconds, timeoutSeconds),
    autoDeleteSeconds: seconds('auto_delete_seconds', input.autoDeleteSeconds, autoDeleteSeconds),
    vcpuCount: limits.vcpuCount,
    memoryMib: limits.memoryMib,
    mounts,
    previewAccess: input.previewAccess ?? 'private',
    ...templateOf(templates, input.template, { name: driver, runs: known.runs }),
  };
}

/** `base` is the host's own tree. */
function templateOf(
  templates: ReadonlyMap<string, Template>,
  name: string | undefined,
  driver: { name: string; runs: boolean },
): { template: string; tree: Template | null } {
  if (name === undefined || name === base) return { template: base, tree: null };
  if (!driver.runs)
    throw badField(
      'from_template',
      `a sandbox of the driver ${driver.name} is run by somebody else, on a tree of its own`,
    );
  const tree = templates.get(name);
  if (tree === undefined) {
    const names = [base, ...templates.keys()];
    throw badField(
      'from_template',
      `no template has that name; there are ${names.join(', ')}.${didYouMean(name, names)}`,
    );
  }
  return { template: name, tree };
}

function seconds(field: string, value: number | undefined, range: readonly [number, number]): number | null {
  return value === undefined ? null : requireWhole(field, value, range);
}
