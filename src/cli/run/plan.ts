import { basename } from 'node:path';
import type { Client, SandboxWithAccess } from '../../client/client.ts';
import type { RequestBody } from '../../contract/operations.ts';
import { agentOf } from '../agents/agents.ts';
import type { ConfigFile } from '../agents/host-config.ts';
import { prepareAgent } from '../agents/prepare.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { shapesOf } from '../credentials/shapes.ts';
import { wrongUsage } from '../failure.ts';
import { isThisMachine } from '../find-server.ts';
import { settle } from '../project/settle.ts';
import type { ProjectOptions } from '../project/settle.ts';

export interface RunOptions extends CommonOptions, ProjectOptions {
  name?: string;
  readOnly?: boolean;
  noMount?: boolean;
  timeout?: number;
  plain?: boolean;
  withConfig?: boolean;
}

/** What is to be made, and what is to be run in it. */
export interface RunPlan {
  body: RequestBody<'createSandbox'>;
  request: { command: string; args: string[]; working_dir?: string; timeout_s?: number };
  files: (sandbox: SandboxWithAccess) => ConfigFile[];
}

/**
 * What the options, the project's file and the agent's table say together; options win over the file. Throws where
 * the file was not agreed to, or the agent or its key is missing.
 */
export async function planRun(
  cli: Cli,
  client: Client,
  { words: [command = '', ...args], options }: { words: readonly string[]; options: RunOptions },
): Promise<RunPlan> {
  const { io } = cli;
  const shapes = once(async () => shapesOf(await client.providers.list()));
  const settled = await settle(io, options, {
    shapes,
    driver: process.platform === 'darwin' ? 'external' : undefined,
  });
  const { driver, secrets } = settled;
  const agent = options.plain === true || driver === 'external' ? undefined : agentOf(command);
  if (options.withConfig === true && agent === undefined) {
    throw wrongUsage('--with-config is for the agents that `standin run` knows', 'see `standin run --help`');
  }
  const mountsHere = options.noMount !== true && driver !== 'external';
  if (!isThisMachine(client.baseUrl)) {
    const other = `${client.baseUrl} is another machine, which does not have`;
    if (mountsHere) throw wrongUsage(`${other} this directory`, 'give --no-mount');
    if (agent !== undefined) throw wrongUsage(`${other} your ${agent.display}`, 'give --plain, and --template with it');
  }
  const prepared =
    agent &&
    (await prepareAgent(io, client, { agent, secrets, withConfig: options.withConfig === true ? shapes : null }));
  for (const path of prepared?.leftOut ?? [])
    cli.output(options).warn(`${path} was not copied: it may hold a credential`);
  const own = mountsHere ? [{ source: io.cwd, target: io.cwd, read_only: options.readOnly === true }] : [];
  const mounts = [...own, ...settled.mounts, ...(prepared?.mounts ?? [])];
  const [program, ...first] = prepared?.words ?? [command];
  const timeout = options.timeout ?? settled.timeout;
  return {
    body: {
      name: options.name ?? `run ${basename(command)}`.slice(0, 64),
      network: settled.network,
      secrets: prepared?.secrets ?? nonEmpty(secrets),
      env_vars: nonEmpty({ ...prepared?.env, ...settled.env }),
      driver,
      from_template: settled.template,
      mounts: mounts.length === 0 ? undefined : unique(mounts),
    },
    request: {
      command: program,
      args: [...first, ...args],
      ...(mountsHere ? { working_dir: io.cwd } : {}),
      ...(timeout === undefined ? {} : { timeout_s: timeout }),
    },
    files: prepared?.files ?? (() => []),
  };
}

/** A place inside is mounted once; what comes first stays. */
function unique<Mount extends { target: string }>(mounts: readonly Mount[]): Mount[] {
  return mounts.filter(({ target }, at) => mounts.findIndex((other) => other.target === target) === at);
}

/** Left out where there is nothing in it. */
export function nonEmpty(record: Record<string, string>): Record<string, string> | undefined {
  return Object.keys(record).length === 0 ? undefined : record;
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => (made ??= make());
}
