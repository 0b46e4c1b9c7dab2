import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
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
    const text = readBounded(path);
    if (text === null) throw new CliFailure(`${path} is no file of at most ${mostBytes} bytes`);
    return { path, root: dirname(path), text };
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

/**
 * What is in a file, or null where it is none or too long. Whoever wrote the project may have made it a link to anything: a
 * pipe, or a file of the kernel's that says it is empty and never ends.
 */
function readBounded(path: string): string | null {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) return null;
    const bytes = Buffer.alloc(mostBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, { offset: length });
    }
    return length > mostBytes ? null : bytes.toString('utf8', 0, length);
  } finally {
    closeSync(file);
  }
}
