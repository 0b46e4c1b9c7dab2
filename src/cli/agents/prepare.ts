import type { Client, SandboxWithAccess } from '../../client/client.ts';
import type { Shape } from '../credentials/shapes.ts';
import { CliFailure } from '../failure.ts';
import type { Io } from '../io.ts';
import type { MountRequest } from '../run/mounts.ts';
import type { Agent } from './agents.ts';
import { chooseSecrets } from './choose-secrets.ts';
import { findProgram } from './find-program.ts';
import { hostConfig } from './host-config.ts';
import type { ConfigFile } from './host-config.ts';
import { needsOf } from './needs.ts';

/** An agent ready to be run: how it is started, what it sees, and what is put into its home first. */
export interface PreparedAgent {
  words: [string, ...string[]];
  mounts: MountRequest[];
  secrets: Record<string, string>;
  env: Record<string, string>;
  /** Written once the sandbox is there, since some name the stand-in. */
  files: (sandbox: SandboxWithAccess) => ConfigFile[];
  /** Of the host's configuration, what was not copied. */
  leftOut: string[];
}

/** Finds the program and its key. Throws with the command that installs, or that stores a key. */
export async function prepareAgent(
  io: Io,
  client: Client,
  options: {
    agent: Agent;
    secrets: Readonly<Record<string, string>>;
    /** Copy the host's configuration: the shapes of credentials, which it must not hold. */
    withConfig: (() => Promise<readonly Shape[]>) | null;
  },
): Promise<PreparedAgent> {
  const { agent, withConfig } = options;
  const program = findProgram(io, agent.name);
  if (program === null) {
    throw new CliFailure(`${agent.display} is not installed on this machine`, { fix: `install it: ${agent.install}` });
  }
  const secrets = await chooseSecrets(io, agent, { given: options.secrets, stored: await client.secrets.list() });
  const copied = withConfig === null ? { files: [], leftOut: [] } : hostConfig(io, agent, await withConfig());
  return {
    ...needsOf(io, program),
    secrets,
    env: { ...agent.env },
    leftOut: copied.leftOut,
    files: ({ egress }) => {
      const seeds = agent.seeds(egress.env).map(({ path, content }) => {
        const base = copied.files.find((file) => file.path === path);
        return { path, text: `${JSON.stringify(merge(jsonOf(base?.text), content), null, 2)}\n` };
      });
      return [...copied.files.filter(({ path }) => seeds.every((seed) => seed.path !== path)), ...seeds];
    },
  };
}

/** The fields of `over` win, at every depth. */
function merge(base: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    merged[key] = isRecord(before) && isRecord(value) ? merge(before, value) : value;
  }
  return merged;
}

function jsonOf(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    return isRecord(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
