import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Egress } from '../../client/client.ts';
import { CliFailure } from '../failure.ts';
import type { Io } from '../io.ts';
import { exitCodeOf } from './signals.ts';
import type { SignalRelay } from './signals.ts';

export interface LocalCommand {
  command: string;
  args: readonly string[];
  egress: Egress;
  signals: SignalRelay;
}

/**
 * Runs a command as an ordinary process here, with a sandbox's variables: stand-ins, proxy and trust. What it may read
 * and reach on this machine is as before. Resolves with its exit code, 128 + number after a signal.
 */
export async function runLocally(io: Io, command: LocalCommand): Promise<number> {
  const trust = writeTrust(command.egress.ca_pem);
  try {
    return await spawned(io, command, environmentOf(io, command.egress, trust.path));
  } finally {
    trust.remove();
  }
}

/** The CA certificate in a file of its own, for the variables that name one. */
export function writeTrust(caPem: string): { path: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'standin-run-'));
  const path = join(directory, 'ca.pem');
  writeFileSync(path, caPem);
  return { path, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/**
 * The caller's variables, the sandbox's over them, and the trust file in place of the path that the server proposes
 * (STANDIN_CA_FILE). Nothing that opens the control plane goes on to the command.
 */
export function environmentOf(io: Pick<Io, 'env'>, egress: Egress, trustPath: string): NodeJS.ProcessEnv {
  const own = Object.entries(io.env).filter(([name]) => !name.startsWith('STANDIN_'));
  const proposed = egress.env['STANDIN_CA_FILE'];
  const given = Object.entries(egress.env).map(([name, value]) => [name, value === proposed ? trustPath : value]);
  return Object.fromEntries([...own, ...given]);
}

function spawned(io: Io, { command, args, signals }: LocalCommand, env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(command, args, { cwd: io.cwd, env, stdio: 'inherit' });
  const fromTerminal = new Set<NodeJS.Signals>(io.stdin.isTTY ? ['SIGINT', 'SIGQUIT'] : []);
  // The terminal sends these to every process in the foreground, the command included.
  signals.to((name) => {
    if (!fromTerminal.has(name)) child.kill(name);
  });
  if (signals.pending !== null) child.kill(signals.pending);
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(new CliFailure(`${command} cannot be started (${error.code ?? error.message})`));
    });
    child.once('exit', (code, signal) => {
      signals.to(null);
      resolve(signal === null ? (code ?? 0) : exitCodeOf(signal));
    });
  });
}
