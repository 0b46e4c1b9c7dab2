import { execFileSync } from 'node:child_process';
import { toolPath } from '../test/support/processes.ts';
import { cpus, release, totalmem } from 'node:os';

/** Where and with what a result came about. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGib: number;
  kernel: string;
  node: string;
  nginx: string;
  haproxy: string;
  /** With `+changes` where the tree was not clean. */
  commit: string;
}

/** Asks the machine. A program that is missing is written as `none`. */
export function describeMachine(): Machine {
  const changed = output('git', ['status', '--porcelain', '--untracked-files=no']) !== '';
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    nginx: output('sh', ['-c', 'nginx -v 2>&1']).replace('nginx version: ', ''),
    haproxy: output('haproxy', ['-v']).split('\n')[0] ?? 'none',
    commit: output('git', ['rev-parse', 'HEAD']) + (changed ? '+changes' : ''),
  };
}

function output(command: string, args: string[]): string {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      env: { ...process.env, PATH: toolPath() },
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'none';
  }
}
