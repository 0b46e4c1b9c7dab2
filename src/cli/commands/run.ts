import { Option } from 'commander';
import type { Command } from 'commander';
import type { Client, SandboxWithAccess } from '../../client/client.ts';
import { ApiError } from '../../client/errors.ts';
import { agents } from '../agents/agents.ts';
import { addCommand, pairs, plainFlag, repeatable, wholeNumber } from '../command.ts';
import type { Cli } from '../command.ts';
import { CliFailure, messageOf, wrongUsage } from '../failure.ts';
import { addNetworkOptions } from '../network-options.ts';
import { withProgress } from '../progress.ts';
import { addProjectOptions } from '../project/settle.ts';
import { collecting } from '../run/collect.ts';
import { runLocally } from '../run/local-command.ts';
import { planRun } from '../run/plan.ts';
import type { RunOptions, RunPlan } from '../run/plan.ts';
import { runRemotely } from '../run/remote-command.ts';
import { exitCodeOf, relaySignals } from '../run/signals.ts';
import type { SignalRelay } from '../run/signals.ts';

const agentNames = agents.map(({ name }) => name).join(', ');

/** `standin run`: a sandbox for one command. */
export function addRunCommand(program: Command, cli: Cli): void {
  const run = addCommand(program, {
    usage: 'run <command...>',
    summary: "run a command in a sandbox of its own; exits with the command's own code",
    examples: [
      ['standin run claude', `an agent with its key (${agentNames})`],
      ['standin run -s GH_TOKEN=github-bot --read-only -- make test', 'it cannot write here'],
      ['standin run -s KEY=crm --allow-out crm.example.com -- ./sync.py', 'it can reach that host alone'],
      ['standin run -s KEY=crm --intercept bound -- ./sync.py', 'TLS to every other host goes through unopened'],
      ['standin run -- npm test', 'as .standin.yaml of the project says (`standin init` writes one)'],
    ],
  })
    .passThroughOptions()
    .addOption(pairs('-s, --secret <KEY=secret>', 'a variable with a stand-in for that secret'))
    .addOption(pairs('-e, --env <KEY=value>', 'an ordinary variable'))
    .option('--name <name>', "the sandbox's name")
    .option('--read-only', 'mount this directory read-only')
    .addOption(plainFlag('--no-mount', 'do not mount this directory'))
    .addOption(repeatable('--mount <source[:target][:ro]>', 'mount another directory'))
    .option('--driver <name>', "bubblewrap, gvisor or external; without it the server's own choice")
    .option('--template <name>', 'the tree that it runs on: `base`, or one that the server has registered')
    .addOption(new Option('--timeout <seconds>', 'end it then; exit code 124').argParser(wholeNumber(1, 86_400)))
    .option('--with-config', 'for an agent: copy its configuration of this machine, without logins')
    .option('--plain', 'run the name of an agent as any other command');
  addNetworkOptions(addProjectOptions(run)).action(async (words: string[], options: RunOptions) => {
    const client = cli.connect();
    const plan = await planRun(cli, client, { words, options });
    cli.exitWith(await runInSandbox(cli, client, { plan, options }));
  });
}

async function runInSandbox(
  cli: Cli,
  client: Client,
  { plan, options }: { plan: RunPlan; options: RunOptions },
): Promise<number> {
  const signals = relaySignals();
  let sandbox: SandboxWithAccess | undefined;
  try {
    sandbox = await withProgress(cli, { ...options, text: making(plan) }, async () => {
      const created = await createSandbox(cli, client, plan);
      // From here on it is removed, whatever happens.
      sandbox = created;
      for (const { path, text } of plan.files(created)) await client.files.write(created, path, text);
      return created;
    });
    if (signals.pending !== null) return exitCodeOf(signals.pending);
    const isLocal = sandbox.driver === 'external';
    if (isLocal && plan.body.driver !== 'external') {
      throw new CliFailure('the server runs no sandboxes of its own', { fix: notIsolated });
    }
    if (options.json === true) return await runForJson(cli, client, { plan, sandbox, signals, options });
    if (!isLocal) return await runRemotely(cli.io, { client, sandbox, signals, request: plan.request });
    cli.output({}).note('standin: the command holds stand-ins only, but nothing isolates it from this machine');
    const { command, args } = plan.request;
    return await runLocally(cli.io, { command, args, egress: sandbox.egress, signals });
  } finally {
    if (sandbox !== undefined) await remove(cli, client, { sandbox, signals });
    signals.stop();
  }
}

/** Output and exit code as one JSON object, once the command has ended. */
async function runForJson(
  cli: Cli,
  client: Client,
  run: { plan: RunPlan; sandbox: SandboxWithAccess; signals: SignalRelay; options: RunOptions },
): Promise<number> {
  const { plan, sandbox, signals } = run;
  if (sandbox.driver === 'external') {
    throw wrongUsage('with --driver external the output is the command’s own', 'leave out --json');
  }
  const collected = collecting(cli.io);
  const request = plan.request;
  const code = await runRemotely(collected.io, { client, sandbox, signals, request, terminal: false });
  const result = { sandbox_id: sandbox.id, exit_code: code, stdout: collected.stdout(), stderr: collected.stderr() };
  cli.output(run.options).result(result, () => undefined);
  return code;
}

const notIsolated = '`--driver external` runs the command here, without isolation';

function making({ body }: RunPlan): string {
  return body.from_template === undefined ? 'making a sandbox' : `making a sandbox on ${body.from_template}`;
}

async function createSandbox(cli: Cli, client: Client, { body }: RunPlan): Promise<SandboxWithAccess> {
  try {
    return await client.sandboxes.create(body);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'bad_request' || body.driver === 'external') throw error;
    if (body.mounts?.[0]?.source === cli.io.cwd && error.message.startsWith('mounts.0.')) {
      const what = error.message.replace(/^mounts\.0\.\w+: /, '');
      throw new CliFailure(what, { fix: 'go to the directory of a project, or give --no-mount', cause: error });
    }
    const [problem] = await cli.deps.preflight(body.driver === 'gvisor' ? 'gvisor' : 'bubblewrap');
    if (problem === undefined) throw error;
    throw new CliFailure(error.message, { fix: `${problem.what}: ${problem.fix}; ${notIsolated}`, cause: error });
  }
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
      .warn(`sandbox ${sandbox.id} is still there (${messageOf(error)}); run \`standin sandbox delete ${sandbox.id}\``);
  }
}
