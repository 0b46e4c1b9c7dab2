import { readFileSync } from 'node:fs';

/** A process of this machine, told from every other that ever had or will have its number. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks after boot: `starttime` of proc_pid_stat(5). */
  start: number;
  /** Of the boot that it belongs to: random(4), boot_id. */
  boot: string;
}

/** Null where there is no such process, or it has ended and waits to be reaped. */
export function identify(pid: number): ProcessIdentity | null {
  const stat = readStat(pid);
  if (stat === null || stat.state === 'Z' || stat.state === 'X') return null;
  return { pid, start: stat.start, boot: bootId() };
}

/** True as long as exactly this process runs. */
export function isRunning({ pid, start, boot }: ProcessIdentity): boolean {
  const now = identify(pid);
  return now !== null && now.start === start && now.boot === boot;
}

/** To exactly this process: false where it has ended. */
export function signal(process_: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isRunning(process_)) return false;
  try {
    process.kill(process_.pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Its children, by the order of their start. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Single-letter state and start time of proc_pid_stat(5), and the parent. */
export function readStat(pid: number): { state: string; parent: number; start: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command, in parentheses, may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', parent: Number(fields[1]), start: Number(fields[19]) };
  } catch {
    return null;
  }
}

let boot: string | null = null;
function bootId(): string {
  return (boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
}
