import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../support/processes.ts';
import type { ProgramOptions } from '../../support/processes.ts';
import { startStandin } from '../../support/standin-server.ts';
import type { StandinServer } from '../../support/standin-server.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

export const binary = fileURLToPath(new URL('../../../bin/standin', import.meta.url));

/** The command line as a program, beside a real server that it finds by its environment. */
export interface CommandLine {
  server: StandinServer;
  /** Its home, and what else a test keeps. */
  directory: string;
  /** Where it is started: a project in its home. */
  cwd: string;
  environment: Record<string, string>;
  run: (args: string[], options?: ProgramOptions) => ReturnType<typeof runProgram>;
  stop: () => Promise<void>;
}

export async function startCommandLine(name: string): Promise<CommandLine> {
  const directory = temporaryDirectory(name);
  const cwd = join(directory.path, 'project');
  mkdirSync(cwd);
  const server = await startStandin();
  const environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: directory.path,
    STANDIN_URL: server.url,
    STANDIN_API_KEY: server.apiKey,
  };
  return {
    server,
    directory: directory.path,
    cwd,
    environment,
    run: (args, options = {}) => runProgram(binary, args, { cwd, ...options, env: { ...environment, ...options.env } }),
    stop: async () => {
      await server.stop();
      directory.remove();
    },
  };
}
