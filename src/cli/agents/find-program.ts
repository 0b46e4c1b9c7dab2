import { accessSync, constants, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { Io } from '../io.ts';

/** A program of this machine: the path that names it, and where that leads. */
export interface FoundProgram {
  path: string;
  real: string;
}

/**
 * Looks for a program as a shell would, then where npm, pipx, uv and the vendors' own installers put theirs, which a
 * path may leave out. What the current directory has is passed over: what such a program names would be mounted, and
 * the directory may be anybody's. Null: it is not installed.
 */
export function findProgram(io: Pick<Io, 'env' | 'cwd'>, name: string): FoundProgram | null {
  for (const directory of [...onPath(io), ...elsewhere(io)]) {
    const path = join(directory, name);
    if (directory === io.cwd || directory.startsWith(`${io.cwd}/`) || !isExecutable(path)) continue;
    return { path, real: realpathSync(path) };
  }
  return null;
}

/** A relative entry names another directory in each project: it is passed over. */
function onPath({ env }: Pick<Io, 'env'>): string[] {
  return (env['PATH'] ?? '').split(':').filter((each) => isAbsolute(each));
}

function elsewhere(io: Pick<Io, 'env'>): string[] {
  const { env } = io;
  const home = env['HOME'] ?? '/nonexistent';
  const node = onPath(io)
    .map((directory) => join(directory, 'node'))
    .find((path) => isExecutable(path));
  const tools = [
    join(home, '.local/share/uv/tools'),
    join(home, '.local/share/pipx/venvs'),
    join(home, '.local/pipx/venvs'),
  ];
  return [
    env['NPM_CONFIG_PREFIX'] === undefined ? '' : join(env['NPM_CONFIG_PREFIX'], 'bin'),
    env['PIPX_BIN_DIR'] ?? '',
    env['PNPM_HOME'] ?? '',
    env['NVM_BIN'] ?? '',
    node === undefined ? '' : dirname(realpathSync(node)),
    ...['.local/bin', '.npm-global/bin', '.npm/bin', '.volta/bin', '.bun/bin', '.opencode/bin', '.claude/local'].map(
      (each) => join(home, each),
    ),
    '/usr/local/bin',
    '/opt/homebrew/bin',
    ...tools.flatMap((folder) => names(folder).map((each) => join(folder, each, 'bin'))),
  ].filter((each) => isAbsolute(each));
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A file that may be run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
