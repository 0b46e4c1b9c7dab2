import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import type { Client, SandboxWithAccess } from '../../client/client.ts';
import type { Io } from '../io.ts';
import { environmentOf } from '../run/local-command.ts';

/** What a command in the sandbox said. */
export interface CommandResult {
  stdout: string;
  stderr: string;
  exitCode: number;
}

/** Runs a shell line with the sandbox's variables: inside it, or, where this machine runs none, beside it. */
export type RunLine = (line: string) => Promise<CommandResult>;

/** `trustPath`: the CA certificate, and `home` an empty directory, for a machine that runs no sandboxes. */
export function lineRunner(options: {
  client: Client;
  sandbox: SandboxWithAccess;
  io: Io;
  trustPath: string;
  home: string;
}): RunLine {
  const { client, sandbox, io, trustPath, home } = options;
  if (sandbox.driver === 'external') {
    const path = `${dirname(process.execPath)}:${io.env['PATH'] ?? ''}`;
    const env = environmentOf({ env: { PATH: path, HOME: home, TMPDIR: home } }, sandbox.egress, trustPath);
    return (line) => runHere(line, { env, cwd: home });
  }
  return async (line) => {
    const { stdout, stderr, exit_code: exitCode } = await client.exec(sandbox, { command: line, timeout_s: 60 });
    return { stdout, stderr, exitCode };
  };
}

function runHere(line: string, options: { env: NodeJS.ProcessEnv; cwd: string }): Promise<CommandResult> {
  const child = spawn('/bin/sh', ['-c', line], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const result = { stdout: '', stderr: '', exitCode: 0 };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      result[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...result, exitCode: code ?? 1 }));
  });
}
