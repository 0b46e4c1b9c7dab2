import { closeSync, existsSync, openSync, readFileSync, readSync, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { CliFailure } from '../failure.ts';
import type { Io } from '../io.ts';
import type { MountRequest } from '../run/mounts.ts';
import { findProgram, isExecutable } from './find-program.ts';
import type { FoundProgram } from './find-program.ts';

/** How a program of this machine is started in a sandbox, and what of the machine it must see for that. */
export interface Needs {
  /** Command and first arguments. */
  words: [string, ...string[]];
  mounts: MountRequest[];
}

/** Every bubblewrap sandbox sees these of the host, read-only. */
const alwaysThere = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/**
 * What an installed program needs, each read-only at its own path: its npm package or Python environment, or itself
 * alone where it is one file, and what interprets it.
 */
export function needsOf(io: Pick<Io, 'env' | 'cwd'>, program: FoundProgram): Needs {
  const places = new Set<string>([
    packageOf(program.real) ?? environmentOf(program.path, program.real) ?? program.real,
  ]);
  const words: [string, ...string[]] = [program.real];
  const interpreter = interpreterOf(io, program.real);
  if (interpreter !== null) {
    words.unshift(interpreter.path);
    for (const place of basesOf(interpreter)) places.add(place);
  }
  const outside = [...places].filter((path) => !isIn(path, alwaysThere));
  const home = io.env['HOME'];
  const tooWide = outside.find((path) => path === '/' || (home !== undefined && isIn(home, [path])));
  if (tooWide !== undefined) {
    throw new CliFailure(`${program.path} would need all of ${tooWide} in the sandbox`, {
      fix: 'install it by its package manager, or mount what it needs and run it with --plain',
    });
  }
  const mounts = outside
    .filter(
      (path) =>
        !isIn(
          path,
          outside.filter((other) => other !== path),
        ),
    )
    .map((path) => ({ source: path, target: path, read_only: true }));
  return { words, mounts };
}

/**
 * The npm package that a file belongs to: the outermost folder of that name, or all of `node_modules` where packages
 * that it depends on lie beside it.
 */
function packageOf(path: string): string | null {
  const [, modules, name] = /^(.*?\/node_modules)\/((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
  if (modules === undefined || name === undefined) return null;
  const folder = join(modules, name);
  const beside = dependenciesOf(folder).some(
    (each) => !existsSync(join(folder, 'node_modules', each)) && existsSync(join(modules, each)),
  );
  return beside ? modules : folder;
}

const manifest = z.looseObject({
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});

function dependenciesOf(folder: string): string[] {
  try {
    const { dependencies, optionalDependencies } = manifest.parse(
      JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')),
    );
    return Object.keys({ ...dependencies, ...optionalDependencies });
  } catch {
    return [];
  }
}

/** The Python environment (PEP 405) that a script is in; pipx and uv link to it from elsewhere. */
function environmentOf(...paths: string[]): string | null {
  for (const path of paths) {
    const root = dirname(dirname(path));
    if (existsSync(join(root, 'pyvenv.cfg'))) return root;
  }
  return null;
}

/** What the script's first line names, found on this machine; null for a program of its own. */
function interpreterOf(io: Pick<Io, 'env' | 'cwd'>, path: string): FoundProgram | null {
  const [, first = '', second] = /^#!\s*(\S+)(?:[ \t]+([^\n]+))?/.exec(firstBytes(path)) ?? [];
  if (first === '') return null;
  if (basename(first) !== 'env') return isExecutable(first) ? { path: first, real: realpathSync(first) } : null;
  const name = (second ?? '').split(/\s+/).find((word) => !word.startsWith('-') && !word.includes('='));
  const found = name === undefined ? null : findProgram(io, name);
  // Node is one file: what it is linked as does not matter. A Python environment is known by its own path.
  return found && { path: found.real, real: found.real };
}

/** An environment's Python is linked to the one that it was made from, with that one's library beside it. */
function basesOf({ path, real }: FoundProgram): string[] {
  const own = environmentOf(path);
  const folder = dirname(dirname(real));
  const base = hasPythonLibrary(folder) ? folder : real;
  return own === null ? [base] : [own, base];
}

/** A Python that lies elsewhere, such as in a home, is mounted alone: what is beside it is none of its business. */
function hasPythonLibrary(folder: string): boolean {
  try {
    const names = readdirSync(join(folder, 'lib'));
    return names.some((name) => /^python3\.\d+$/.test(name) && existsSync(join(folder, 'lib', name, 'os.py')));
  } catch {
    return false;
  }
}

function firstBytes(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(512);
    return bytes.subarray(0, readSync(file, bytes)).toString('latin1');
  } finally {
    closeSync(file);
  }
}

function isIn(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}
