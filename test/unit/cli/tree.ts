import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { buildProgram, runCli } from '../../../src/cli/cli.ts';
import type { Cli, CliDeps } from '../../../src/cli/command.ts';
import { processIo } from '../../../src/cli/io.ts';
import { createOutput } from '../../../src/cli/output.ts';

const deps: CliDeps = {
  version: '9.9.9',
  serve: () => Promise.resolve(),
  preflight: () => Promise.resolve([]),
};

/** The commands as they are, to be looked at and not run. */
export function commandTree(): Command {
  const io = processIo();
  const cli: Cli = {
    io,
    deps,
    self: ['node', 'standin'],
    connect: () => {
      throw new Error('no command is run here');
    },
    output: () => createOutput(io, { json: false }),
    exitWith: () => undefined,
  };
  return buildProgram(cli);
}

/** Every command below, groups included, with the words that name it. */
export function commandsBelow(command: Command, path: string[] = []): { path: string[]; command: Command }[] {
  return command.commands
    .filter((child) => child.name() !== 'help' && !child.name().startsWith('_'))
    .flatMap((child) => {
      const own = [...path, child.name()];
      return [{ path: own, command: child }].concat(commandsBelow(child, own));
    });
}

/** What a command line prints, without a process of its own; stdout is a terminal of so many columns where told. */
export async function printed(
  words: string[],
  options: { columns?: number; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const stream = () =>
    Object.assign(
      new PassThrough({ encoding: 'utf8' }),
      options.columns === undefined ? {} : { isTTY: true, columns: options.columns, rows: 30 },
    );
  const [stdout, stderr] = [stream(), stream()];
  const io = { ...processIo(), env: options.env ?? {}, cwd: options.cwd ?? process.cwd(), stdout, stderr };
  const code = await runCli(['node', 'standin', ...words], deps, io);
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}
