import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { text } from 'node:stream/consumers';

const batch = 24;

/** The first words of a command line that runs Perl here. */
export type Perl = readonly [program: string, ...words: string[]];

/** What a pipe carries, as the process sees it. */
export type Direction = 'in' | 'out';

export interface ProcessPipe {
  /** The process's end: to be closed once the process has it. */
  fd: number;
  /** This side's end. */
  socket: Socket;
}

/** The two ends of a pipe, neither opened for its use yet. */
interface Ends {
  read: number;
  write: number;
}

/**
 * Real pipes for the standard streams of a process. Node would give it socket pairs, and a script that opens
 * `/dev/stderr` or `/dev/stdin` fails on those with ENXIO; named pipes block where their other end was closed. Node
 * cannot make a pipe but can open one that another process has: Perl makes them, a batch at a time.
 */
export class PipeSource {
  #ready: Ends[] = [];
  #making: Promise<void> | null = null;
  readonly #perl: Perl;

  constructor(perl: Perl) {
    this.#perl = perl;
  }

  /** A pipe for each direction. */
  async take(directions: Direction[]): Promise<ProcessPipe[]> {
    while (this.#ready.length < directions.length) await this.prepare();
    const pipes = directions.map((direction) => openPipe(this.#ready.shift(), direction));
    if (this.#ready.length < batch / 2) void this.prepare().catch(() => undefined);
    return pipes;
  }

  /** Makes pipes now, so that no process need wait for them. */
  prepare(): Promise<void> {
    this.#making ??= makePipes(this.#perl)
      .then((made) => void this.#ready.push(...made))
      .finally(() => {
        this.#making = null;
      });
    return this.#making;
  }
}

const holdPipes = String.raw`
my @held;
for (1 .. $ARGV[0]) { pipe(my $r, my $w) or die; push(@held, $r, $w); print(fileno($r), ' ', fileno($w), "\n") }
close(STDOUT);
<STDIN>;
`;

async function makePipes([perl, ...words]: Perl): Promise<Ends[]> {
  const holder = spawn(perl, [...words, '-e', holdPipes, String(batch)], { stdio: ['pipe', 'pipe', 'ignore'] });
  const failed = once(holder, 'error').then(([error]) => Promise.reject(error));
  holder.stdin.on('error', () => undefined);
  const lines = await Promise.race([text(holder.stdout), failed]);
  const open = (fd: string | undefined, flags: number) => openSync(`/proc/${holder.pid}/fd/${fd}`, flags);
  const ends = lines
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([read, write]) => ({ read: open(read, constants.O_RDONLY), write: open(write, constants.O_WRONLY) }));
  holder.stdin.end();
  return ends;
}

function openPipe(ends: Ends | undefined, direction: Direction): ProcessPipe {
  if (ends === undefined) throw new Error('no pipe is left');
  const { read, write } = ends;
  // O_NONBLOCK belongs to the open file: ours is opened anew with it, and the process's stays without.
  const [theirs, ours] = direction === 'in' ? [read, write] : [write, read];
  const mode = direction === 'in' ? constants.O_WRONLY : constants.O_RDONLY;
  const fd = openSync(`/proc/self/fd/${ours}`, mode | constants.O_NONBLOCK);
  closeSync(ours);
  return { fd: theirs, socket: new Socket({ fd, readable: direction === 'out', writable: direction === 'in' }) };
}
