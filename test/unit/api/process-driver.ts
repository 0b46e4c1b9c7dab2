import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import type {
  ExecRequest,
  ExecSession,
  RunningSandbox,
  SandboxDriver,
  SandboxSpec,
} from '../../../src/sandbox/driver.ts';
import { bareSandbox } from '../../support/bare-sandbox.ts';

/** A driver without walls: commands are real processes of this machine, each the leader of its own process group. */
export class ProcessDriver implements SandboxDriver {
  readonly name = 'bubblewrap';
  readonly runs = true;
  /** Process ids of the commands that were started, also those that ended. */
  readonly started: number[] = [];
  readonly #children = new Set<ChildProcess>();
  readonly #outputs: Socket[] = [];

  /** Bytes of standard output that were read from all commands. */
  get outputRead(): number {
    return this.#outputs.reduce((sum, output) => sum + output.bytesRead, 0);
  }

  preflight(): Promise<[]> {
    return Promise.resolve([]);
  }

  adopt(): Promise<[]> {
    return Promise.resolve([]);
  }

  create(spec: SandboxSpec): Promise<RunningSandbox> {
    return Promise.resolve({
      id: spec.id,
      baseEnv: { PATH: '/usr/bin:/bin' },
      exec: async (request) => this.#exec(request),
      ...bareSandbox(),
      destroy: () => Promise.resolve(),
      ended: new Promise<void>(() => undefined),
    });
  }

  close(): Promise<void> {
    for (const child of this.#children) signalGroup(child, 'SIGKILL');
    return Promise.resolve();
  }

  #exec({ command, args, env, workingDir, tty }: ExecRequest): ExecSession {
    const [program, argv] = args === undefined ? ['/bin/sh', ['-c', command]] : [command, args];
    const size = tty === undefined ? {} : { COLUMNS: String(tty.columns), LINES: String(tty.rows) };
    const child = spawn(program, argv, {
      detached: true,
      env: { ...env, ...size },
      ...(workingDir === undefined ? {} : { cwd: workingDir }),
    });
    this.#children.add(child);
    if (child.stdout instanceof Socket) this.#outputs.push(child.stdout);
    if (child.pid !== undefined) this.started.push(child.pid);
    const exit = Promise.withResolvers<number>();
    child.once('error', exit.reject);
    child.once('exit', (code, signal) => {
      this.#children.delete(child);
      exit.resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
    return {
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      exit: exit.promise,
      signal: (name) => signalGroup(child, name),
      resize: ({ columns, rows }) => void child.stdin.write(`resized ${columns}x${rows}\n`),
    };
  }
}

function signalGroup(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // The group is gone.
  }
}

/** False once nothing of the process group that `pid` led runs: what is dead but not yet waited for does not count. */
export function groupAlive(pid: number): boolean {
  return readdirSync('/proc').some((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      // proc(5): after the command's closing parenthesis come state, parent and process group.
      const [state, , group] = readFileSync(`/proc/${entry}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return Number(group) === pid && state !== 'Z';
    } catch {
      return false;
    }
  });
}
