import { Option } from 'commander';
import type { Command } from 'commander';
import { plainFlag } from '../command.ts';
import type { Shape } from '../credentials/shapes.ts';
import { CliFailure } from '../failure.ts';
import type { Io } from '../io.ts';
import { networkOf } from '../network-options.ts';
import type { NetworkOptions } from '../network-options.ts';
import { parseMount } from '../run/mounts.ts';
import type { MountRequest } from '../run/mounts.ts';
import { loadProject } from './load.ts';
import type { Project } from './load.ts';

/** Of a command that makes a sandbox: what the project's file says too, and whether it is heard. */
export interface ProjectOptions extends NetworkOptions {
  secret?: Record<string, string>;
  env?: Record<string, string>;
  mount?: string[];
  driver?: string;
  template?: string;
  noProject?: boolean;
  trust?: boolean;
}

/** What options and file say together. */
export interface Settled {
  secrets: Record<string, string>;
  env: Record<string, string>;
  network: ReturnType<typeof networkOf>;
  driver: string | undefined;
  template: string | undefined;
  mounts: MountRequest[];
  /** Of the file: seconds that a command may take. */
  timeout: number | undefined;
}

export function addProjectOptions(command: Command): Command {
  return command
    .addOption(new Option('--trust', 'agree to the .standin.yaml that holds here, as it is now'))
    .addOption(plainFlag('--no-project', 'go without it'));
}

/**
 * Options win over the project's file, one by one. Throws where the file was not agreed to; `driver` is the one where
 * neither names any.
 */
export async function settle(
  io: Io,
  options: ProjectOptions,
  { shapes, driver: fallback }: { shapes: () => Promise<readonly Shape[]>; driver?: string | undefined },
): Promise<Settled> {
  const project = options.noProject === true ? null : await loadProject(io, { shapes, trust: options.trust === true });
  const driver = options.driver ?? project?.driver ?? fallback;
  if (driver === 'external' && project !== null) refuseLoaders(project, options.env);
  return {
    secrets: { ...project?.secrets, ...options.secret },
    env: { ...project?.env, ...options.env },
    network: networkOf({ ...namesOf(project?.network), ...options }),
    driver,
    template: options.template ?? project?.template,
    mounts: [
      ...(driver === 'external' ? [] : (project?.mounts ?? [])),
      ...(options.mount ?? []).map((text) => parseMount(text, io.cwd)),
    ],
    timeout: project?.timeout,
  };
}

/** Variables by which a program is made to load code, or another program to be found in its place. */
const loaders =
  /^(?:LD_|DYLD_|PATH$|IFS$|ENV$|BASH_ENV$|NODE_|PYTHON|PERL5|RUBY|JAVA_TOOL_|_JAVA_|JDK_JAVA_|GIT_|SSH_|EDITOR$|PAGER$|SHELL$)/;

/** Where nothing isolates the command, a file from a repository would have its code run by whatever is started. */
function refuseLoaders({ path, env = {} }: Project, given: Record<string, string> = {}): void {
  const name = Object.keys(env).find((each) => loaders.test(each) && given[each] === undefined);
  if (name === undefined) return;
  throw new CliFailure(`${path}: env.${name} says what programs load, and --driver external isolates nothing`, {
    fix: `take it out of the file; \`-e ${name}=…\` says it on the command line`,
  });
}

/** The file's rules under the names of the options, which win over them one by one. */
function namesOf(network: Project['network']): NetworkOptions {
  if (network === undefined) return {};
  const { allow_out: allowOut, deny_out: denyOut, intercept, tunnel_out: tunnelOut } = network;
  return {
    ...(allowOut && { allowOut }),
    ...(denyOut && { denyOut }),
    ...(intercept && { intercept }),
    ...(tunnelOut && { tunnelOut }),
  };
}
