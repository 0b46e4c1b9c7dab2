import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CliFailure, systemCodeOf } from '../failure.ts';
import type { Io } from '../io.ts';
import type { FoundProject } from './find.ts';

const records = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));

/** Where it is remembered which project files a person has agreed to: path → SHA-256 of what it said then. */
export function trustFile({ env }: Pick<Io, 'env'>): string {
  const base = env['XDG_CONFIG_HOME'];
  return join(
    base !== undefined && base.startsWith('/') ? base : join(env['HOME'] ?? homedir(), '.config'),
    'standin',
    'trusted-projects.json',
  );
}

/** Whether a person has agreed to this file as it is now, at this place. */
export function isTrusted(io: Pick<Io, 'env'>, project: FoundProject): boolean {
  return read(trustFile(io))[project.path] === digest(project.text);
}

/** Remembers that a person agreed; undefined forgets the file. */
export function remember(io: Pick<Io, 'env'>, path: string, text: string | undefined): void {
  const file = trustFile(io);
  const { [path]: _, ...others } = read(file);
  const next = text === undefined ? others : { ...others, [path]: digest(text) };
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(next, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function read(file: string): Record<string, string> {
  try {
    if ((statSync(file).mode & 0o022) !== 0) {
      throw new CliFailure(`${file} can be written by others`, { fix: `run chmod 600 ${file}` });
    }
    return records.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    if (systemCodeOf(error) === 'ENOENT') return {};
    throw new CliFailure(`${file} is not understood`, {
      fix: 'remove it; project files are asked about again',
      cause: error,
    });
  }
}
