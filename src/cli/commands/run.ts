import { basename } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { Client, SandboxWithAccess } from '../../client/client.ts';
import { ApiError } from '../../client/errors.ts';
import { addCommand, pairs, repeatable } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { CliFailure, messageOf, wrongUsage } from '../failure.ts';
import { isThisMachine } from '../find-server.ts';
import { addNetworkOptions, networkOf } from '../network-options.ts';
import type { NetworkOptions } from '../network-options.ts';
import { runLocally } from '../run/local-command.ts';
import { parseMount } from '../run/mounts.ts';
import { runRemotely } from '../run/remote-command.ts';
import { exitCodeOf, relaySignals } from '../run/signals.ts';
import type { SignalRelay } from '../run/signals.ts';

interface RunOptions extends CommonOptions, NetworkOptions {
  secret?: Record<string, string>;
  env?: Record<string, string>;
  name?: string;
  readOnly?: boolean;
  noMount?: boolean;
  mount?: string[];
  driver?: string;
}

/** `standin run`: a sandbox for one command. */
export function addRunCommand(program: Command, cli: Cli): void {
  const run = addCommand(program, {
    usage: 'run <command...>',
    summary: "run a command in a sandbox of its own; exits with the command's own code",
    examples: [
      ['standin run -s ANTHROPIC_API_KEY=anthropic-prod -- claude', 'in this directory, with a stand-in for the key'],
      ['standin run -s GH_TOKEN=github-bot --read-only -- make test', 'it cannot write here'],
      ['standin run -s KEY=crm --allow-out crm.example.com -- ./sync.py', 'it can reach that host alone'],
      ['standin run -s KEY=crm --intercept bound -- ./sync.py', 'TLS to every other host goes through unopened'],
    ],
  })
    .passThroughOptions()
    .addOption(pairs('-s, --secret <KEY=secret>', 'a variable with a stand-in for that secret'))
    .addOption(pairs('-e, --env <KEY=value>', 'an ordinary variable'))
    .option('--name <name>', "the sandbox's name")
    .option('--read-only', 'mount this directory read-only')
    .addOption(plainFlag('--no-mount', 'do not mount this directory'))
    .addOption(repeatable('--mount <source[:target][:ro]>', 'mount another directory'))
    .option('--driver <name>', "bubblewrap or external; without it the server's own choice");
  addNetworkOptions(run).action(async (command: string[], options: RunOptions) => {
    if (options.json === true) throw wrongUsage('the output of `run` is the command’s own', 'leave out --json');
    cli.exitWith(await runInSandbox(cli, command, options));
  });
}

async function runInSandbox(cli: Cli, [command = '', ...args]: string[], options: RunOptions): Promise<number> {
  const client = cli.connect();
  const signals = relaySignals();
  let sandbox: SandboxWithAccess | undefined;
  try {
    sandbox = await createSandbox(cli, client, { command, options });
    if (signals.pending !== null) return exitCodeOf(signals.pending);
    if (sandbox.driver === 'external') {
      if (driverOf(options) !== 'external')
        throw new CliFailure('the server runs no sandboxes of its own', { fix: notIsolated });
      cli.output({}).note('standin: the command holds stand-ins only, but nothing isolates it from this machine');
      return await runLocally(cli.io, { command, args, egress: sandbox.egress, signals });
    }
    const workingDir = options.noMount === true ? {} : { working_dir: cli.io.cwd };
    return await runRemotely(cli.io, { client, sandbox, signals, request: { command, args, ...workingDir } });
  } finally {
    if (sandbox !== undefined) await remove(cli, client, { sandbox, signals });
    signals.stop();
  }
}

const notIsolated = '`--driver external` runs the command here, without isolation';

/** On macOS nothing else can run; elsewhere code is run without isolation only where that was asked for. */
function driverOf(options: RunOptions): string | undefined {
  return options.driver ?? (process.platform === 'darwin' ? 'external' : undefined);
}

async function createSandbox(
  cli: Cli,
  client: Client,
  { command, options }: { command: string; options: RunOptions },
): Promise<SandboxWithAccess> {
  const { cwd } = cli.io;
  const driver = driverOf(options);
  const mountsHere = options.noMount !== true && driver !== 'external';
  if (mountsHere && !isThisMachine(client.baseUrl)) {
    throw wrongUsage(`${client.baseUrl} is another machine, which does not have this directory`, 'give --no-mount');
  }
  const own = mountsHere ? [{ source: cwd, target: cwd, read_only: options.readOnly === true }] : [];
  const mounts = [...own, ...(options.mount ?? []).map((text) => parseMount(text, cwd))];
  try {
    return await client.sandboxes.create({
      name: options.name ?? `run ${basename(command)}`.slice(0, 64),
      network: networkOf(options),
      secrets: options.secret,
      env_vars: options.env,
      driver,
      mounts: mounts.length === 0 ? undefined : mounts,
    });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'bad_request' || driver === 'external') throw error;
    const [problem] = await cli.deps.preflight();
    if (problem === undefined) throw error;
    throw new CliFailure(error.message, { fix: `${problem.what}: ${problem.fix}; ${notIsolated}`, cause: error });
  }
}

/** An option whose name happens to start with `no-`, which commander would take for the denial of another. */
function plainFlag(flags: string, description: string): Option {
  const option = new Option(flags, description);
  option.negate = false;
  return option;
}

/** While the sandbox is being removed, one more signal ends this process at once. */
async function remove(
  cli: Cli,
  client: Client,
  { sandbox, signals }: { sandbox: SandboxWithAccess; signals: SignalRelay },
): Promise<void> {
  signals.release();
  try {
    await client.sandboxes.remove(sandbox.id);
  } catch (error) {
    cli
      .output({})
      .note(
        `warning: sandbox ${sandbox.id} is still there (${messageOf(error)}); run \`standin sandbox delete ${sandbox.id}\``,
      );
  }
}
