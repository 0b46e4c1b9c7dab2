import { Option } from 'commander';
import type { Command } from 'commander';
import { addCommand, addGroup, pairs, repeatable, wholeNumber, yesOption } from '../command.ts';
import type { Cli, CommonOptions } from '../command.ts';
import { confirmDestruction } from '../confirm.ts';
import { shapesOf } from '../credentials/shapes.ts';
import { CliFailure, wrongUsage } from '../failure.ts';
import { findSandbox } from '../near.ts';
import { addNetworkOptions } from '../network-options.ts';
import { withProgress } from '../progress.ts';
import { addProjectOptions, settle } from '../project/settle.ts';
import type { ProjectOptions } from '../project/settle.ts';
import { nonEmpty } from '../run/plan.ts';
import { runRemotely } from '../run/remote-command.ts';
import { relaySignals } from '../run/signals.ts';
import { shellWord } from '../text.ts';
import { addCopyCommand } from './sandbox-copy.ts';
import { addLifeCommands } from './sandbox-life.ts';
import { addLogCommand } from './sandbox-log.ts';
import { addPreviewCommands } from './sandbox-preview.ts';

interface CreateOptions extends CommonOptions, ProjectOptions {
  metadata?: Record<string, string>;
  showEnv?: boolean;
  timeout?: number;
  autoDelete?: number;
}

/** `standin sandbox …` */
export function addSandboxCommands(program: Command, cli: Cli): void {
  const sandbox = addGroup(program, 'sandbox', {
    summary: 'where code runs that holds stand-ins',
    examples: [
      ['standin sandbox create agent -s ANTHROPIC_API_KEY=anthropic-prod', 'one that stays'],
      ['standin sandbox shell agent', 'a shell in it'],
      ['standin sandbox log agent --follow', 'what leaves it, as it happens'],
      ['standin sandbox delete agent', 'end it'],
    ],
  });
  addCreate(sandbox, cli);
  addList(sandbox, cli);
  addGet(sandbox, cli);
  addExec(sandbox, cli);
  addShell(sandbox, cli);
  addAttach(sandbox, cli);
  addDetach(sandbox, cli);
  addLifeCommands(sandbox, cli);
  addLogCommand(sandbox, cli);
  addCopyCommand(sandbox, cli);
  addPreviewCommands(sandbox, cli);
  addDelete(sandbox, cli);
}

function addCreate(sandbox: Command, cli: Cli): void {
  const create = addCommand(sandbox, {
    usage: 'create <name>',
    summary: 'make a sandbox that stays until it is deleted',
    examples: [
      ['standin sandbox create agent -s ANTHROPIC_API_KEY=anthropic-prod', 'with a stand-in in a variable'],
      ['standin sandbox create agent', 'as .standin.yaml of the project says, where there is one'],
      ['standin sandbox create agent --allow-out api.anthropic.com', 'may reach that host alone'],
      ['standin sandbox create agent --tunnel-out pinned.example.com', 'a host whose certificate a program pins'],
      [
        'eval "$(standin sandbox create ci --driver external -s GH=bot --show-env)"',
        'variables for a shell of your own',
      ],
    ],
  })
    .addOption(pairs('-s, --secret <KEY=secret>', 'a variable with a stand-in for that secret'))
    .addOption(pairs('-e, --env <KEY=value>', 'an ordinary variable'))
    .addOption(repeatable('--mount <source[:target][:ro]>', "a directory of the server's machine (operator keys)"))
    .addOption(pairs('--metadata <KEY=value>', 'kept with the sandbox'))
    .option('--driver <name>', "bubblewrap, gvisor or external; without it the server's own choice")
    .option('--template <name>', 'the tree that it runs on: `base`, or one that the server has registered')
    .addOption(new Option('--timeout <seconds>', 'pause it after so long').argParser(wholeNumber(1, 604_800)))
    .addOption(
      new Option('--auto-delete <seconds>', 'delete it after so long paused').argParser(wholeNumber(0, 2_592_000)),
    )
    .option('--show-env', 'print `export` lines for a sandbox that is run elsewhere; they hold its proxy token');
  addNetworkOptions(addProjectOptions(create)).action(async (name: string, options: CreateOptions) => {
    const output = cli.output(options);
    const client = cli.connect();
    const shapes = async () => shapesOf(await client.providers.list());
    const { secrets, env, network, driver, template, mounts } = await settle(cli.io, options, { shapes });
    const body = {
      name,
      network,
      from_template: template,
      timeout_seconds: options.timeout,
      auto_delete_seconds: options.autoDelete,
      secrets: nonEmpty(secrets),
      env_vars: nonEmpty(env),
      mounts: mounts.length === 0 ? undefined : mounts,
      metadata: options.metadata,
      driver,
    };
    const created = await withProgress(cli, { ...options, text: making(template) }, () =>
      client.sandboxes.create(body),
    );
    output.result(created, () => {
      if (options.showEnv === true) {
        for (const [key, value] of Object.entries(created.egress.env)) output.line(`export ${key}=${shellWord(value)}`);
        return;
      }
      output.line(created.id);
      output.note(
        `sandbox ${created.name} runs (${created.driver}); remove it with \`standin sandbox delete ${created.id}\``,
      );
    });
  });
}

function addList(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'list',
    summary: 'list the sandboxes',
    examples: [
      ['standin sandbox list', 'newest first'],
      ['standin sandbox list --metadata team=web', 'those with that entry'],
    ],
  })
    .alias('ls')
    .addOption(new Option('--status <status>', 'only these').choices(['active', 'paused', 'resuming', 'failed']))
    .addOption(pairs('--metadata <KEY=value>', 'only those with it'))
    .action(async (options: CommonOptions & { status?: 'active'; metadata?: Record<string, string> }) => {
      const output = cli.output(options);
      const status = options.status === undefined ? undefined : [options.status];
      const sandboxes = await cli.connect().sandboxes.list({ status, metadata: options.metadata });
      output.result(sandboxes, () =>
        output.table(
          sandboxes,
          [
            { title: 'ID', of: (row) => row.id, keep: true },
            { title: 'NAME', of: (row) => row.name, keep: true },
            { title: 'STATUS', of: (row) => row.status },
            { title: 'DRIVER', of: (row) => row.driver },
            {
              title: 'SECRETS',
              of: (row) => row.secrets.map((each) => `${each.env_key}=${each.secret_name}`).join(' '),
            },
            { title: 'CREATED', of: (row) => output.time(row.created_at) },
          ],
          { empty: 'no sandboxes' },
        ),
      );
    });
}

function addGet(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'get <id>',
    summary: 'print one sandbox; its access token only with --json',
    examples: [['standin sandbox get agent', 'status, secrets and network rules']],
  }).action(async (id: string, options: CommonOptions) => {
    const output = cli.output(options);
    const client = cli.connect();
    const found = await client.sandboxes.get(await findSandbox(client, id));
    output.result(found, () =>
      output.fields([
        ['id', found.id],
        ['name', found.name],
        ['status', found.status],
        ['driver', found.driver],
        ['size', `${found.vcpu_count} CPU, ${found.memory_mib} MiB`],
        ['created', output.time(found.created_at)],
        [
          'secrets',
          found.secrets
            .map((each) => `${each.env_key}=${each.secret_name}${each.revoked ? ' (revoked)' : ''}`)
            .join(', '),
        ],
        ['paused after', found.timeout_seconds === undefined ? undefined : `${found.timeout_seconds} s of activity`],
        ['deleted', found.auto_delete_at === undefined ? undefined : output.time(found.auto_delete_at)],
        ['may reach', found.network?.allow_out?.join(', ') ?? 'any public address'],
        ['may not', found.network?.deny_out?.join(', ')],
        ['TLS opened', found.network?.intercept === 'bound' ? 'to the hosts of its secrets' : 'all'],
        ['never opened', found.network?.tunnel_out?.join(', ')],
        [
          'metadata',
          Object.entries(found.metadata)
            .map(([key, value]) => `${key}=${value}`)
            .join(', '),
        ],
      ]),
    );
  });
}

interface ExecOptions extends CommonOptions {
  env?: Record<string, string>;
  workingDir?: string;
  timeout?: number;
}

function addExec(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'exec <id> <command...>',
    summary: "run a command in a sandbox; exits with the command's own code",
    examples: [
      ['standin sandbox exec agent -- ls -l', 'a program with arguments'],
      ["standin sandbox exec agent -- sh -c 'env | sort'", 'a line for a shell'],
    ],
  })
    .passThroughOptions()
    .addOption(pairs('-e, --env <KEY=value>', 'a variable for this command'))
    .option('-w, --working-dir <path>', 'where it starts')
    .addOption(new Option('--timeout <seconds>', 'end it then; exit code 124').argParser(wholeNumber(1, 86_400)))
    .action(async (id: string, words: string[], options: ExecOptions) => {
      // What follows the id is passed through as it is, with the `--` that may stand before the command.
      const [command, ...args] = words[0] === '--' ? words.slice(1) : words;
      if (command === undefined) throw wrongUsage('there is no command', 'write it after `--`');
      const client = cli.connect();
      const found = await client.sandboxes.get(await findSandbox(client, id));
      const request = {
        command,
        args,
        env: options.env,
        working_dir: options.workingDir,
        timeout_s: options.timeout,
      };
      if (options.json === true) {
        const result = await client.exec(found, request);
        cli.output(options).result(result, () => undefined);
        cli.exitWith(result.exit_code);
        return;
      }
      const signals = relaySignals();
      try {
        cli.exitWith(await runRemotely(cli.io, { client, sandbox: found, request, signals }));
      } finally {
        signals.stop();
      }
    });
}

function addShell(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'shell <id>',
    summary: 'open a shell in a sandbox',
    examples: [['standin sandbox shell agent', 'leave it with exit']],
  }).action(async (id: string, options: CommonOptions) => {
    if (options.json === true)
      throw wrongUsage('a shell has no JSON', 'use `standin sandbox exec ID --json -- COMMAND`');
    if (!cli.io.stdin.isTTY || !cli.io.stdout.isTTY) {
      throw new CliFailure('a shell needs a terminal', { fix: 'use `standin sandbox exec ID -- COMMAND`' });
    }
    const client = cli.connect();
    const found = await client.sandboxes.get(await findSandbox(client, id));
    const signals = relaySignals();
    try {
      const request = { command: 'exec "$(command -v bash || command -v sh)" -i' };
      cli.exitWith(await runRemotely(cli.io, { client, sandbox: found, request, signals }));
    } finally {
      signals.stop();
    }
  });
}

function addAttach(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'attach <id> <KEY=secret>',
    summary: 'bind a secret; commands started from now on see its stand-in',
    examples: [['standin sandbox attach agent GITHUB_TOKEN=github-bot', 'while it runs']],
  }).action(async (id: string, binding: string, options: CommonOptions) => {
    const output = cli.output(options);
    const equals = binding.indexOf('=');
    if (equals < 1 || equals === binding.length - 1) throw wrongUsage(`${binding} is not KEY=secret`);
    const body = { env_key: binding.slice(0, equals), secret_name: binding.slice(equals + 1) };
    const client = cli.connect();
    await client.sandboxes.attach(await findSandbox(client, id), body);
    output.result(body, () => output.line(`attached ${body.secret_name} as ${body.env_key}`));
  });
}

function addDetach(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'detach <id> <key>',
    summary: 'unbind a variable; its stand-in stops working at once',
    examples: [['standin sandbox detach agent GITHUB_TOKEN', 'also for commands that run']],
  }).action(async (id: string, envKey: string, options: CommonOptions) => {
    const output = cli.output(options);
    const client = cli.connect();
    await client.sandboxes.detach(await findSandbox(client, id), envKey);
    output.result({ env_key: envKey, detached: true }, () => output.line(`detached ${envKey}`));
  });
}

function addDelete(sandbox: Command, cli: Cli): void {
  addCommand(sandbox, {
    usage: 'delete <id...>',
    summary: 'end sandboxes; their stand-ins and tokens stop working',
    examples: [['standin sandbox delete agent', 'everything in it is gone']],
  })
    .alias('rm')
    .addOption(yesOption())
    .action(async (named: string[], options: CommonOptions & { yes?: boolean }) => {
      const output = cli.output(options);
      const client = cli.connect();
      const ids: string[] = [];
      for (const each of named) ids.push(await findSandbox(client, each));
      await confirmDestruction(cli.io, `Delete ${named.join(', ')} and everything in it?`, options.yes);
      for (const id of ids) await client.sandboxes.remove(id);
      output.result(
        ids.map((id) => ({ id, deleted: true })),
        () => ids.forEach((id) => output.line(`deleted ${id}`)),
      );
    });
}

/** A tarball is unpacked when its template is used for the first time, which takes a while. */
function making(template: string | undefined): string {
  return template === undefined ? 'making the sandbox' : `making the sandbox on ${template}`;
}
