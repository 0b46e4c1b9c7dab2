import { readFileSync } from 'node:fs';

/** A process of this machine, told from every other that ever had or will have its number. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks after boot: `starttime` of proc_pid_stat(5). */
  start: number;
  /** Of the boot that it belongs to: random(4), boot_id. */
  boot: string;
}

/** Signal 9 in the masks of proc_pid_status(5). */
const sigkillBit = 1n << 8n;
/** PF_EXITING of linux/sched.h. */
const exitingFlag = 0x4;

/** Null where there is no such process, or it has ended and waits to be reaped. */
export function identify(pid: number): ProcessIdentity | null {
  const stat = readStat(pid);
  return stat === null || hasEnded(stat) ? null : { pid, start: stat.start, boot: bootId() };
}

/** True as long as exactly this process runs. */
export function isRunning(process_: ProcessIdentity): boolean {
  return statOf(process_) !== null;
}

/**
 * True for one that goes on: it runs, and nothing has yet made it end. What got SIGKILL shows as running for a while, with
 * the signal pending (proc_pid_status(5), SigPnd) and then with PF_EXITING among its flags (proc_pid_stat(5)).
 */
export function goesOn(process_: ProcessIdentity): boolean {
  try {
    const status = readFileSync(`/proc/${process_.pid}/status`, 'latin1');
    const pending = BigInt(`0x${/^SigPnd:\t([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
    if ((pending & sigkillBit) !== 0n) return false;
  } catch {
    return false;
  }
  const stat = statOf(process_);
  return stat !== null && (stat.flags & exitingFlag) === 0;
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

/** Of proc_pid_stat(5): single-letter state, parent, kernel flags and start time. */
interface Stat {
  state: string;
  parent: number;
  flags: number;
  start: number;
}

const hasEnded = ({ state }: Stat) => state === 'Z' || state === 'X';

/** Of exactly this process; null: it has ended. */
function statOf({ pid, start, boot }: ProcessIdentity): Stat | null {
  const stat = readStat(pid);
  return stat !== null && !hasEnded(stat) && stat.start === start && boot === bootId() ? stat : null;
}

/** Null where there is no such process. */
export function readStat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command, in parentheses, may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', parent: Number(fields[1]), flags: Number(fields[6]), start: Number(fields[19]) };
  } catch {
    return null;
  }
}

let boot: string | null = null;
function bootId(): string {
  return (boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
}
