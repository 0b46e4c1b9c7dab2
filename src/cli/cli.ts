import { Command, CommanderError } from 'commander';
import { createClient } from '../client/client.ts';
import { painter, wantsColor } from './color.ts';
import type { Cli, CliDeps } from './command.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addCaCommands } from './commands/ca.ts';
import { addCompletionCommands } from './commands/completion.ts';
import { addConfigCommand } from './commands/config.ts';
import { addDemoCommands } from './commands/demo.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addExplainCommands } from './commands/explain.ts';
import { addKeyCommands } from './commands/key.ts';
import { addMcpCommand } from './commands/mcp.ts';
import { addProjectCommands } from './commands/project.ts';
import { addProviderCommands } from './commands/provider.ts';
import { addRunCommand } from './commands/run.ts';
import { addSandboxCommands } from './commands/sandbox.ts';
import { addSecretCommands } from './commands/secret.ts';
import { addServeCommand } from './commands/serve.ts';
import { addWebhookCommands } from './commands/webhook.ts';
import { exitCodes, systemCodeOf, wrongUsage } from './failure.ts';
import { explain, jsonOf, linesOf } from './explain.ts';
import type { Explanation } from './explain.ts';
import { findServer } from './find-server.ts';
import type { ServerAddress } from './find-server.ts';
import { firstSteps, helpLayout } from './help.ts';
import { processIo } from './io.ts';
import type { Io } from './io.ts';
import { createOutput } from './output.ts';
import { readTyped } from './typed.ts';

/**
 * Runs one command line (`argv` as Node gives it: node, this program, arguments) and resolves with the exit code: 0, 1
 * failed, 2 wrong usage; `run` and `exec` pass on the command's own. Never throws; what went wrong is said on stderr,
 * with `--json` as JSON.
 */
export async function runCli(argv: readonly string[], deps: CliDeps, io: Io = processIo()): Promise<number> {
  let exitCode: number = exitCodes.ok;
  let server: ServerAddress | undefined;
  const [node = process.execPath, program = '', ...words] = argv;
  const cli: Cli = {
    io,
    deps,
    self: [node, program],
    connect: (options) => {
      server = findServer(io);
      const limited = options && timeLimited(options.withinMs);
      return createClient({ baseUrl: server.url, apiKey: server.apiKey, ...(limited && { fetch: limited }) });
    },
    output: (options) => createOutput(io, { json: options.json === true, color: options.color }),
    exitWith: (code) => {
      exitCode = code;
    },
  };
  // A reader that went away (`| head`, a closed terminal) is no failure of the command.
  for (const stream of [io.stdout, io.stderr]) stream.on('error', ignoreClosedPipe);
  const commands = buildProgram(cli);
  try {
    if (words.length === 0) commands.outputHelp();
    else await commands.parseAsync([...argv]);
    return exitCode;
  } catch (error) {
    // Help and version are printed by then; a group without a command has shown its help.
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    if (error instanceof CommanderError && error.code === 'commander.help') return exitCodes.usage;
    const failure = explain(error instanceof CommanderError ? usageOf(error) : error, server);
    tell(io, failure, readTyped(commands, words).flags.has('--json'));
    return failure.exitCode;
  }
}

/** Every command, with what it does. */
export function buildProgram(cli: Cli): Command {
  const program = new Command('standin')
    .description('Lets code that nobody trusts use credentials that it never holds.')
    .version(cli.deps.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ showGlobalOptions: false, ...helpLayout })
    .configureOutput({
      writeOut: (text) => void cli.io.stdout.write(text),
      writeErr: (text) => void cli.io.stderr.write(text),
      getOutHasColors: () => wantsColor(cli.io, cli.io.stdout),
      getErrHasColors: () => wantsColor(cli.io, cli.io.stderr),
      getOutHelpWidth: () => helpWidth(cli.io.stdout.columns),
      getErrHelpWidth: () => helpWidth(cli.io.stderr.columns),
      // Said at the end of `runCli`, as every other error.
      outputError: () => undefined,
    })
    .addHelpText('after', firstSteps)
    .enablePositionalOptions()
    .exitOverride();
  program.commandsGroup('Start here:');
  addServeCommand(program, cli);
  addDemoCommands(program, cli);
  addDoctorCommand(program, cli);
  program.commandsGroup('Use credentials:');
  addSecretCommands(program, cli);
  addExplainCommands(program, cli);
  addRunCommand(program, cli);
  addSandboxCommands(program, cli);
  addProjectCommands(program, cli);
  addProviderCommands(program, cli);
  addMcpCommand(program, cli);
  program.commandsGroup('Run a server for others:');
  addKeyCommands(program, cli);
  addWebhookCommands(program, cli);
  addAuditCommands(program, cli);
  addCaCommands(program, cli);
  addConfigCommand(program, cli);
  program.commandsGroup('Help:');
  addCompletionCommands(program, cli);
  program.helpCommand('help [command]', 'print the help of a command');
  return program;
}

function tell(io: Io, failure: Explanation, json: boolean): void {
  const paint = painter(wantsColor(io, io.stderr));
  const terminal = io.stderr.isTTY === true;
  io.stderr.write(json ? jsonOf(failure) : linesOf(failure, { terminal, red: (text) => paint('red', text) }));
}

/** Commander's complaint, its `error: ` taken off and its suggestion as what to do. */
function usageOf({ message }: CommanderError): Error {
  const [, what = message, near] = /^(?:error: )?([^]*?)(?:\n\(Did you mean (.*)\?\))?\s*$/.exec(message) ?? [];
  return wrongUsage(what, near === undefined ? undefined : `did you mean ${near}?`);
}

function timeLimited(ms: number): typeof fetch {
  return (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(ms) });
}

/** Lines of help longer than this are hard to read, however wide the terminal. */
function helpWidth(columns: number | undefined): number {
  return Math.min(columns ?? 100, 120);
}

function ignoreClosedPipe(error: Error): void {
  if (!['EPIPE', 'EIO'].includes(systemCodeOf(error))) throw error;
}
