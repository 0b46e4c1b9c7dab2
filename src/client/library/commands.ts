import type { RequestBody } from '../../contract/operations.ts';
import { ValidationError } from '../errors.ts';
import type { CommandEvent } from '../exec-events.ts';
import type { Access } from './access.ts';
import { openSession } from './command-session.ts';
import type { CommandSession } from './command-session.ts';
import type { Connection } from './connection.ts';

/** How a command ended, and what it wrote. */
export interface CommandResult {
  stdout: string;
  stderr: string;
  /** 124 after a time-out, 128 + number after a signal. */
  exitCode: number;
  /** Some of the output was dropped: there was more than is kept. */
  truncated: boolean;
}

/** Where and with what a command runs. */
export interface CommandOptions {
  /** Default: the home directory. */
  cwd?: string;
  /** Variables for this command. */
  env?: Record<string, string>;
  /** With these, `command` is a program and not a line for the shell. */
  args?: string[];
  /** Milliseconds after which the command is ended: it exits 124. */
  timeoutMs?: number;
  /** Aborting it ends the command: the call rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** What `commands.run` takes. */
export interface RunOptions extends CommandOptions {
  /** Called with text as it comes. With either, the output is streamed. */
  onStdout?: (data: string) => void;
  onStderr?: (data: string) => void;
  /**
   * Bytes of output that a call without callbacks may answer. More throws ValidationError. Default: 10 MiB; the server
   * keeps 4 MiB of it.
   */
  maxOutputBytes?: number;
}

/** What `commands.spawn` takes. */
export interface SpawnOptions extends CommandOptions {
  /** Called with text as it comes. */
  onStdout?: (data: string) => void;
  onStderr?: (data: string) => void;
  /** Give it a terminal of this size. */
  tty?: { columns: number; rows: number };
}

/** What is kept of the output of a command whose output is streamed, in characters of each stream. */
export const keptOutput = 10 * 1024 * 1024;

/** Milliseconds that a server has beyond a command's own time to answer. */
const answerMs = 10_000;
const serverDefaultMs = 30_000;

/** Commands in a sandbox. A paused one is resumed first. */
export class Commands {
  readonly #connection: Connection;
  readonly #access: Access;

  /** Made by Sandbox. */
  constructor(connection: Connection, access: Access) {
    this.#connection = connection;
    this.#access = access;
  }

  /**
   * Runs a line of the shell to its end. A command that fails is no error: look at `exitCode`. Without `timeoutMs` it has
   * 30 seconds.
   *
   * @example
   * const { stdout, exitCode } = await sandbox.commands.run('npm test', { cwd: '/home/user/app', timeoutMs: 120_000 });
   */
  async run(command: string, options: RunOptions = {}): Promise<CommandResult> {
    if (options.onStdout !== undefined || options.onStderr !== undefined) return this.#runStreamed(command, options);
    const { signal, timeoutMs, maxOutputBytes = keptOutput } = options;
    const limits = { signal, timeoutMs: (timeoutMs ?? serverDefaultMs) + answerMs };
    const answer = await this.#access.use((sandbox) =>
      this.#connection.call('exec', {
        body: requestOf(command, options),
        headers: { 'x-access-token': sandbox.access_token, 'x-superserve-sandbox-id': sandbox.id },
        ...limits,
      }),
    );
    const { length } = new TextEncoder().encode(answer.stdout + answer.stderr);
    if (length > maxOutputBytes) {
      const message = `the command wrote ${length} bytes, more than maxOutputBytes (${maxOutputBytes}): use onStdout, or stream()`;
      throw new ValidationError(message, { code: 'payload_too_large', status: 413 });
    }
    return {
      stdout: answer.stdout,
      stderr: answer.stderr,
      exitCode: answer.exit_code,
      truncated: answer.truncated,
    };
  }

  /**
   * Runs a line of the shell; its output comes as it is written. The last event is of type `exit`. Leaving the loop ends
   * the command.
   *
   * @example
   * for await (const event of sandbox.commands.stream('npm test')) {
   *   if (event.type !== 'exit') process.stdout.write(event.data);
   * }
   */
  async *stream(command: string, options: CommandOptions = {}): AsyncGenerator<CommandEvent, void, undefined> {
    const begin = { signal: options.signal, timeoutMs: this.#connection.limits({}).timeoutMs };
    const body = requestOf(command, options);
    yield* await this.#access.use((sandbox) => this.#connection.execStream(sandbox, body, begin));
  }

  /**
   * Starts a command and resolves with a handle to it: its input, output, signals and end. Without `timeoutMs` it may run
   * as long as it likes; release it with `await using`, `wait()` or `close()`.
   *
   * @example
   * await using session = await sandbox.commands.spawn('python3 -i', { onStdout: (text) => console.log(text) });
   * session.stdin.write('print(2 + 2)\n');
   * session.stdin.close();
   * const { exitCode } = await session.wait();
   */
  spawn(command: string, options: SpawnOptions = {}): Promise<CommandSession> {
    const request = { ...requestOf(command, options), tty: options.tty };
    return openSession({ baseUrl: this.#connection.baseUrl, access: this.#access, request, options });
  }

  async #runStreamed(command: string, options: RunOptions): Promise<CommandResult> {
    const kept = { stdout: '', stderr: '' };
    let truncated = false;
    const listeners = { stdout: options.onStdout, stderr: options.onStderr };
    for await (const event of this.stream(command, options)) {
      if (event.type === 'exit') return { ...kept, exitCode: event.exitCode, truncated };
      listeners[event.type]?.(event.data);
      const room = keptOutput - kept[event.type].length;
      truncated ||= event.data.length > room;
      kept[event.type] += event.data.slice(0, room);
    }
    throw new TypeError('a command stream ends with its exit code or throws');
  }
}

function requestOf(command: string, options: CommandOptions): RequestBody<'exec'> {
  return {
    command,
    args: options.args,
    env: options.env,
    working_dir: options.cwd,
    timeout_s: options.timeoutMs === undefined ? undefined : Math.ceil(options.timeoutMs / 1000),
  };
}
