import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import type { ExecMessage, TerminalSize } from './protocol.ts';
import type { Perl, PipeSource } from './pipes.ts';
import { inTerminal, isGvisor, openTerminal } from './terminal.ts';
import type { Terminal } from './terminal.ts';
import { WatchedInput } from './terminal-keys.ts';

/** A process of the sandbox with its streams on this side. */
export interface AgentProcess {
  stdin: Writable;
  stdout: Socket;
  /** Null with a terminal. */
  stderr: Socket | null;
  terminal: Terminal | null;
  /** Resolves with the exit code, or 128 + signal number, when the process itself has ended. */
  exited: Promise<number>;
  signal(name: string): void;
  resize(size: TerminalSize): void;
}

/** Above the agent's own 0, so that out of memory ends what the sandbox runs and not the agent. */
const oomScore = '800';
const signals: Record<string, number | undefined> = { ...constants.signals };

/**
 * Starts a process in a session and group of its own. Throws an Error with the reason where the working directory is
 * none; a program that cannot be run is a process that wrote why to standard error and exited 127 or 126, as in a shell.
 */
export async function startProcess(
  message: ExecMessage,
  { pipes, perl }: { pipes: PipeSource; perl: Perl },
): Promise<AgentProcess> {
  if (statSync(message.workingDir, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new Error(`working_dir: ${message.workingDir} is not a directory in the sandbox`);
  }
  const argv = message.args === undefined ? ['/bin/sh', '-c', message.command] : [message.command, ...message.args];
  return message.tty === undefined
    ? startOnPipes(message, argv, pipes)
    : startOnTerminal(message, argv, { size: message.tty, perl, pipes });
}

async function startOnPipes(message: ExecMessage, argv: string[], pipes: PipeSource): Promise<AgentProcess> {
  const [stdin, stdout, stderr] = await pipes.take(['in', 'out', 'out']);
  if (stdin === undefined || stdout === undefined || stderr === undefined) throw new Error('no pipes');
  const child = launch(argv, message, [stdin.fd, stdout.fd, stderr.fd]);
  const exited = whenExited(child, (text) => writeFileSync(stderr.fd, text));
  // A failed start is told on the process's own standard error, so its end stays open until then.
  void exited.finally(() => child.pid === undefined && closeSync(stderr.fd));
  for (const pipe of child.pid === undefined ? [stdin, stdout] : [stdin, stdout, stderr]) closeSync(pipe.fd);
  return {
    stdin: stdin.socket,
    stdout: stdout.socket,
    stderr: stderr.socket,
    terminal: null,
    exited,
    signal: (name) => signalGroups(child, name),
    resize: () => undefined,
  };
}

async function startOnTerminal(
  message: ExecMessage,
  argv: string[],
  { size, perl, pipes }: { size: TerminalSize; perl: Perl; pipes: PipeSource },
): Promise<AgentProcess> {
  const watched = isGvisor();
  const [ask, answers] = watched ? await pipes.take(['in', 'out']) : [];
  const [program, args] = inTerminal(perl, { size, watched }, argv);
  const terminal = openTerminal(perl, size, () => signal('SIGWINCH'));
  const ends = [ask, answers].flatMap((pipe) => (pipe === undefined ? [] : [pipe.fd]));
  const child: ChildProcess = launch([program, ...args], message, ['ignore', 'ignore', 'ignore', terminal.fd, ...ends]);
  for (const fd of ends) closeSync(fd);
  const exited = whenExited(child, (text) => terminal.master.write(text));
  const input =
    ask === undefined || answers === undefined
      ? null
      : new WatchedInput(terminal.master, { ask: ask.socket, answers: answers.socket }, perl);
  void exited.finally(() => input?.release());
  const signal = (name: string) => {
    signalGroups(child, name);
    const number = signals[name];
    if (number !== undefined) input?.signal(number);
  };
  return {
    stdin: input ?? terminal.master,
    stdout: terminal.master,
    stderr: null,
    terminal,
    exited,
    signal,
    resize: (to) => terminal.resize(to),
  };
}

function launch(argv: string[], message: ExecMessage, stdio: (number | 'ignore')[]): ChildProcess {
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    cwd: message.workingDir,
    env: message.env,
    detached: true,
    stdio,
  });
  try {
    if (child.pid !== undefined) writeFileSync(`/proc/${child.pid}/oom_score_adj`, oomScore);
  } catch {
    // It has ended already.
  }
  return child;
}

function whenExited(child: ChildProcess, tell: (text: string) => void): Promise<number> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signals[signal ?? ''] ?? 0)));
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return;
      const missing = error.code === 'ENOENT';
      tell(`${child.spawnfile}: ${missing ? 'not found' : 'cannot be run'}\n`);
      resolve(missing ? 127 : 126);
    });
  });
}

/** To the process's group, and to the group that its terminal has in front. */
function signalGroups(child: ChildProcess, name: string): void {
  const number = signals[name];
  if (child.pid === undefined || number === undefined) return;
  for (const group of new Set([child.pid, frontGroup(child.pid)])) {
    try {
      if (group > 1) process.kill(-group, number);
    } catch {
      // Nobody is left in it.
    }
  }
}

/** `tpgid` of proc_pid_stat(5), or 0. */
function frontGroup(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[5]);
  } catch {
    return 0;
  }
}
