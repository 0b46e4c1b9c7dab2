import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CliFailure, systemCodeOf } from '../failure.ts';
import { mostBytes } from './schema.ts';

export const projectFileName = '.standin.yaml';

/** A project file as it was read, once: what is trusted, parsed and used is this text. */
export interface FoundProject {
  path: string;
  /** The directory that it is in. */
  root: string;
  text: string;
}

/** The nearest project file from `cwd` upwards. */
export function findProject(cwd: string): FoundProject | null {
  for (let root = cwd; ; root = dirname(root)) {
    const found = readProject(join(root, projectFileName));
    if (found !== null) return found;
    if (dirname(root) === root) return null;
  }
}

function readProject(path: string): FoundProject | null {
  try {
    const stat = statSync(path);
    if (!stat.isFile() || stat.size > mostBytes) {
      throw new CliFailure(`${path} is no file of at most ${mostBytes} bytes`);
    }
    return { path, root: dirname(path), text: readFileSync(path, 'utf8') };
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    const code = systemCodeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new CliFailure(`${path} cannot be read (${code})`, {
      fix: 'give --no-project to go without it',
      cause: error,
    });
  }
}
