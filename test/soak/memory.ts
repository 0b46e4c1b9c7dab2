import { readFileSync, readdirSync } from 'node:fs';
import { descendantsOf, workerPids } from '../support/processes.ts';
import type { Findings } from './violations.ts';

/** Resident memory of one process over its life. */
export interface Series {
  name: string;
  pid: number;
  /** Seconds since the run began, and bytes. */
  samples: { at: number; bytes: number }[];
}

/** What became of one process's memory. */
export interface MemoryLine {
  name: string;
  pid: number;
  seconds: number;
  first: number;
  last: number;
  most: number;
  /** Bytes a minute, by least squares, once it was warm; null for one that did not live long enough. */
  slope: number | null;
}

/** What a process takes in its first minutes says nothing. */
const warmSeconds = 120;
const enoughSeconds = 120;
/** Growth over the rest of a run that is no longer flat: a collector may leave as much. */
const flatBytes = 24 << 20;

/** Samples the server's processes, the upstreams and this one. */
export class MemoryWatch {
  readonly #series = new Map<number, Series>();
  readonly #began = Date.now();

  sample(server: number | null, upstreams: number): void {
    this.#add('clients', process.pid);
    this.#add('upstreams', upstreams);
    if (server === null) return;
    this.#add('server', server);
    for (const pid of workersOf(server)) this.#add('worker', pid);
  }

  lines(): MemoryLine[] {
    return [...this.#series.values()].map((series) => lineOf(series));
  }

  #add(name: string, pid: number): void {
    const bytes = residentBytes(pid);
    if (bytes === null) return;
    const series = this.#series.get(pid) ?? { name, pid, samples: [] };
    this.#series.set(pid, series);
    series.samples.push({ at: (Date.now() - this.#began) / 1000, bytes });
  }
}

/** The server's own processes must not have grown, where they lived long enough to say. */
export function judgeMemory(lines: readonly MemoryLine[], findings: Findings): void {
  for (const { name, pid, slope, seconds } of lines) {
    if (slope === null || (name !== 'server' && name !== 'worker')) continue;
    findings.checked('memory');
    const growth = (slope * (seconds - warmSeconds)) / 60;
    if (growth > flatBytes) {
      findings.violate('memory', `${name} ${pid} grew by ${Math.round(growth / 1e6)} MB once it was warm`);
    }
  }
}

export function lineOf({ name, pid, samples }: Series): MemoryLine {
  const bytes = samples.map((sample) => sample.bytes);
  const began = samples[0]?.at ?? 0;
  const seconds = (samples.at(-1)?.at ?? 0) - began;
  const warm = samples.filter(({ at }) => at - began >= warmSeconds);
  const slope = seconds < warmSeconds + enoughSeconds ? null : slopeOf(warm) * 60;
  return { name, pid, seconds, first: bytes[0] ?? 0, last: bytes.at(-1) ?? 0, most: Math.max(0, ...bytes), slope };
}

/** Bytes a second. */
function slopeOf(samples: Series['samples']): number {
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / samples.length;
  const meanBytes = samples.reduce((sum, { bytes }) => sum + bytes, 0) / samples.length;
  const above = samples.reduce((sum, { at, bytes }) => sum + (at - meanAt) * (bytes - meanBytes), 0);
  const below = samples.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  return below === 0 ? 0 : above / below;
}

/** What the server holds that must come back to what it was. */
export interface Held {
  /** Open file descriptors of the main process and of its workers, the most of any worker. */
  server: number;
  worker: number;
  /** Processes called `bwrap`. */
  bubblewrap: number;
}

/** What is held, as the report names it. */
export const heldKinds = ['server', 'worker', 'bubblewrap'] as const satisfies readonly (keyof Held)[];

export function heldBy(server: number): Held {
  const count = (pid: number) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).length;
    } catch {
      return 0;
    }
  };
  return {
    server: count(server),
    worker: Math.max(0, ...workersOf(server).map(count)),
    bubblewrap: descendantsOf(server).filter((pid) => statusOf(pid).startsWith('Name:\tbwrap\n')).length,
  };
}

function workersOf(server: number): number[] {
  try {
    return workerPids(server);
  } catch {
    return [];
  }
}

function residentBytes(pid: number): number | null {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(statusOf(pid))?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

/** Empty where it has ended. */
function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
