import { PassThrough } from 'node:stream';
import type { Io } from '../io.ts';

/** A command's output, kept instead of shown. */
export interface Collected {
  io: Io;
  stdout(): string;
  stderr(): string;
}

/** The same process, with stdout and stderr that are kept. */
export function collecting(io: Io): Collected {
  const chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  const streamOf = (name: 'stdout' | 'stderr') =>
    new PassThrough().on('data', (chunk: Buffer) => void chunks[name].push(chunk));
  return {
    io: { ...io, stdout: streamOf('stdout'), stderr: streamOf('stderr') },
    stdout: () => Buffer.concat(chunks.stdout).toString('utf8'),
    stderr: () => Buffer.concat(chunks.stderr).toString('utf8'),
  };
}
