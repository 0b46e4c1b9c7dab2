import { execFile } from 'node:child_process';
import { constants, mkdtempSync, openSync, closeSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);
const batch = 24;

/**
 * Real pipes for the standard streams of a process. Node would give it socket pairs, and a script that opens
 * `/dev/stderr` or `/dev/stdin` fails on those with ENXIO. Node cannot make a pipe, so named ones are made in advance,
 * opened at both ends and unlinked.
 */
export class PipeSource {
  #paths: string[] = [];
  #making: Promise<void> | null = null;

  /** Pipes for a process to read from (`in`) and to write to (`out`), one for each direction named. */
  async take(directions: ('in' | 'out')[]): Promise<ProcessPipe[]> {
    while (this.#paths.length < directions.length) await this.#make();
    const pipes = directions.map((direction) => openPipe(this.#paths.shift() ?? '', direction));
    if (this.#paths.length < batch / 2) void this.#make().catch(() => undefined);
    return pipes;
  }

  /** Makes pipes now, so that the first process need not wait for them. */
  async prepare(): Promise<void> {
    await this.#make();
  }

  #make(): Promise<void> {
    this.#making ??= makeNamedPipes()
      .then((paths) => void this.#paths.push(...paths))
      .finally(() => (this.#making = null));
    return this.#making;
  }
}

export interface ProcessPipe {
  /** The process's end: close it once the process has it. */
  fd: number;
  /** This side's end. */
  socket: Socket;
}

async function makeNamedPipes(): Promise<string[]> {
  const directory = mkdtempSync('/run/pipes-');
  const paths = Array.from({ length: batch }, (_, index) => `${directory}/${index}`);
  await run('mkfifo', ['-m', '600', ...paths]);
  return paths;
}

function openPipe(path: string, direction: 'in' | 'out'): ProcessPipe {
  // O_NONBLOCK is of the open file, not of the pipe: the process's end must be without it, or its reads fail.
  const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const write = openSync(path, constants.O_WRONLY | (direction === 'in' ? constants.O_NONBLOCK : 0));
  if (direction === 'out') {
    unlinkSync(path);
    return { fd: write, socket: new Socket({ fd: read, readable: true, writable: false }) };
  }
  const blocking = openSync(path, constants.O_RDONLY);
  closeSync(read);
  unlinkSync(path);
  return { fd: blocking, socket: new Socket({ fd: write, readable: false, writable: true }) };
}
