import { Command, CommanderError } from 'commander';
import { createClient } from '../client/client.ts';
import type { Cli, CliDeps } from './command.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addCaCommands } from './commands/ca.ts';
import { addConfigCommand } from './commands/config.ts';
import { addDemoCommands } from './commands/demo.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addExplainCommands } from './commands/explain.ts';
import { addKeyCommands } from './commands/key.ts';
import { addProviderCommands } from './commands/provider.ts';
import { addRunCommand } from './commands/run.ts';
import { addSandboxCommands } from './commands/sandbox.ts';
import { addSecretCommands } from './commands/secret.ts';
import { addServeCommand } from './commands/serve.ts';
import { addWebhookCommands } from './commands/webhook.ts';
import { exitCodes, systemCodeOf } from './failure.ts';
import { explain, lineOf } from './explain.ts';
import { findServer } from './find-server.ts';
import type { ServerAddress } from './find-server.ts';
import { processIo } from './io.ts';
import type { Io } from './io.ts';
import { createOutput } from './output.ts';

/**
 * Runs one command line (`argv` as Node gives it: node, this program, arguments) and resolves with the exit code: 0, 1
 * failed, 2 wrong usage; `run` and `exec` pass on the command's own. Never throws; what went wrong is one line on
 * stderr.
 */
export async function runCli(argv: readonly string[], deps: CliDeps, io: Io = processIo()): Promise<number> {
  let exitCode: number = exitCodes.ok;
  let server: ServerAddress | undefined;
  const [node = process.execPath, program = ''] = argv;
  const cli: Cli = {
    io,
    deps,
    self: [node, program],
    connect: () => {
      server = findServer(io);
      return createClient({ baseUrl: server.url, apiKey: server.apiKey });
    },
    output: (options) => createOutput(io, { json: options.json === true }),
    exitWith: (code) => {
      exitCode = code;
    },
  };
  // A reader that went away (`| head`, a closed terminal) is no failure of the command.
  for (const stream of [io.stdout, io.stderr]) stream.on('error', ignoreClosedPipe);
  try {
    await buildProgram(cli).parseAsync([...argv]);
    return exitCode;
  } catch (error) {
    // Commander has said by then what was wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const failure = explain(error, server);
    io.stderr.write(`${lineOf(failure)}\n`);
    return failure.exitCode;
  }
}

function buildProgram(cli: Cli): Command {
  const program = new Command('standin')
    .description('Lets code that nobody trusts use credentials that it never holds.')
    .version(cli.deps.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => void cli.io.stdout.write(text),
      writeErr: (text) => void cli.io.stderr.write(text),
      outputError: (text, write) => write(oneLine(text)),
    })
    .enablePositionalOptions()
    .exitOverride();
  addServeCommand(program, cli);
  addDemoCommands(program, cli);
  addRunCommand(program, cli);
  addSecretCommands(program, cli);
  addSandboxCommands(program, cli);
  addProviderCommands(program, cli);
  addKeyCommands(program, cli);
  addWebhookCommands(program, cli);
  addAuditCommands(program, cli);
  addExplainCommands(program, cli);
  addCaCommands(program, cli);
  addConfigCommand(program, cli);
  addDoctorCommand(program, cli);
  return program;
}

function ignoreClosedPipe(error: Error): void {
  if (!['EPIPE', 'EIO'].includes(systemCodeOf(error))) throw error;
}

/** Commander's complaint and its suggestion, on one line. */
function oneLine(text: string): string {
  return `${text
    .trim()
    .replace(/\n\(Did you mean (.*)\?\)/, '; did you mean $1?')
    .replaceAll(/\s*\n\s*/g, ' ')}\n`;
}
