import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A program started by a test. Ends with the test's process, also where that crashes. */
export interface Program {
  pid: number;
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves when it ended, however that was. */
  ended: Promise<ProgramEnd>;
  /** Resolves with the first match of `pattern` in what it wrote to stdout or stderr. Throws where it ends before. */
  waitForOutput(pattern: RegExp, options?: { withinMs?: number }): Promise<RegExpExecArray>;
  /** Sends `signal` (SIGTERM) and waits; SIGKILL after `graceMs` (10 s). */
  stop(signal?: NodeJS.Signals, options?: { graceMs?: number }): Promise<ProgramEnd>;
}

export interface ProgramEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  /** All of its environment. Without: ours, with the system's own tools on its path. */
  env?: Record<string, string>;
  cwd?: string;
  /** Written to stdin, which is then closed. Without: stdin is empty. */
  input?: string;
}

/** Ours, and where Debian keeps nginx, haproxy and ip, which an ordinary user's path leaves out. */
export function toolPath(): string {
  return `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
}

/** For a test's `skip`: false where all these are on the path, else a word on what is missing. */
export function skipWithout(...programs: string[]): string | false {
  const directories = toolPath().split(':');
  const missing = programs.filter((program) => !directories.some((each) => existsSync(join(each, program))));
  return missing.length > 0 && `${missing.join(', ')} not installed`;
}

const running = new Set<ChildProcess>();

function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Starts `command`. Throws where it cannot be started. */
export async function startProgram(command: string, args: string[], options: ProgramOptions = {}): Promise<Program> {
  const env = options.env ?? { ...process.env, PATH: toolPath() };
  const settings: SpawnOptions = { stdio: ['pipe', 'pipe', 'pipe'], env };
  if (options.cwd !== undefined) settings.cwd = options.cwd;
  const child = spawn(command, args, settings);
  const output = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const listener of listeners) listener();
    });
  }
  let end: ProgramEnd | undefined;
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.once('close', (code, signal) => {
      end = { code, signal };
      running.delete(child);
      for (const listener of listeners) listener();
      resolve(end);
    });
  });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  if (running.size === 0 && process.listeners('exit').every((listener) => listener !== endAll)) {
    process.once('exit', endAll);
  }
  running.add(child);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input ?? '');

  const describe = () => `${command} ${args.join(' ')}\n${output.stderr || output.stdout}`;
  return {
    pid: child.pid ?? 0,
    child,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    ended,
    waitForOutput: (pattern, { withinMs = 20_000 } = {}) =>
      new Promise((resolve, reject) => {
        const settle = (outcome: () => void) => {
          clearTimeout(timer);
          listeners.delete(look);
          outcome();
        };
        const look = () => {
          const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr);
          if (match !== null) settle(() => resolve(match));
          else if (end !== undefined) settle(() => reject(new Error(`ended before ${pattern}: ${describe()}`)));
        };
        const timer = setTimeout(
          () => settle(() => reject(new Error(`no ${pattern} within ${withinMs} ms: ${describe()}`))),
          withinMs,
        );
        listeners.add(look);
        look();
      }),
    stop: async (signal = 'SIGTERM', { graceMs = 10_000 } = {}) => {
      if (end !== undefined) return end;
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      try {
        return await ended;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** Runs `command` to its end. */
export async function runProgram(
  command: string,
  args: string[],
  options: ProgramOptions = {},
): Promise<ProgramEnd & { stdout: string; stderr: string }> {
  const program = await startProgram(command, args, options);
  const end = await program.ended;
  return { ...end, stdout: program.stdout(), stderr: program.stderr() };
}

/** Resolves when something accepts on the loopback `port`; throws where `program` ended before, or after `withinMs`. */
export async function waitForPort(
  port: number,
  { program, withinMs = 10_000 }: { program?: Program; withinMs?: number } = {},
): Promise<void> {
  await waitUntil(
    async () => {
      if (program?.child.exitCode !== null && program !== undefined) throw new Error(`ended: ${program.stderr()}`);
      return await accepts(port);
    },
    { withinMs, what: `port ${port} to accept` },
  );
}

/** Asks `condition` again until it holds. Throws, naming `what`, after `withinMs` (10 s). */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  { what, withinMs = 10_000 }: { what: string; withinMs?: number },
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what}`);
    await delay(10);
  }
}

/** What `figure` is once it has not moved for `forMs`. Throws after `withinMs` (20 s). */
export async function standstill(
  figure: () => number | Promise<number>,
  { forMs, withinMs = 20_000 }: { forMs: number; withinMs?: number },
): Promise<number> {
  let [last, since] = [await figure(), performance.now()];
  await waitUntil(
    async () => {
      const now = await figure();
      if (now !== last) [last, since] = [now, performance.now()];
      return performance.now() - since > forMs;
    },
    { what: 'nothing to move any more', withinMs },
  );
  return last;
}

/** Memory of proc_pid_status(5), in bytes: what it has resident, or with `VmHWM` the most that it had. Throws where it has ended. */
export function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const [, kilobytes] =
    new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  if (kilobytes === undefined) throw new Error(`process ${pid} has ended`);
  return Number(kilobytes) * 1024;
}

/** Every process below `pid`, children's children included; none where it is gone. */
export function descendantsOf(pid: number): number[] {
  const children = Map.groupBy(processIds(), (each) => parentOf(each));
  const below = (parent: number): number[] => {
    const own = children.get(parent) ?? [];
    return own.concat(own.flatMap(below));
  };
  return below(pid);
}

export function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** `ppid` of proc_pid_stat(5); null where the process is gone. The name before it may hold anything. */
function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}

/** Whether the process is there and more than the remains of one that has ended. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Kills those of the processes that still run: what a failed test leaves behind. */
export function endProcesses(pids: readonly number[]): void {
  for (const pid of pids.filter(isRunning)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended with one that was killed before it.
    }
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Process ids of the egress workers of the server whose main process is `pid`. */
export function workerPids(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((each) => each !== '');
  return children.map(Number).filter((child) => /egress\/worker\.[jt]s/.test(commandLine(child)));
}

/** The words of it, with a zero after each; empty where it has ended. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Whether `pid` still runs: one that has ended and was not waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
