import {
  channels,
  execSubprotocol,
  maxStdinFrame,
  sandboxSubprotocol,
  tokenSubprotocol,
} from '../../contract/exec-wire.ts';
import type { ExecConnectRequest } from '../../contract/operations.ts';
import { execOutcome } from '../../contract/schemas/exec.ts';
import { ConnectionError, apiError } from '../errors.ts';
import { parseJson } from '../transport.ts';
import type { Access } from './access.ts';
import { keptOutput } from './commands.ts';
import type { CommandResult, SpawnOptions } from './commands.ts';
import { openSocket } from './socket.ts';
import type { Socket } from './socket.ts';

/** The standard input of a running command. */
export interface CommandStdin {
  /** Text goes as UTF-8. What a command no longer reads is dropped. */
  write(data: string | Uint8Array): void;
  /** The command sees the end of its input. */
  close(): void;
}

/** A running command. */
export interface CommandSession {
  readonly stdin: CommandStdin;
  /** To all of its processes. Default: `SIGTERM`. */
  kill(signal?: string): void;
  /** The new size of its terminal. */
  resize(size: { columns: number; rows: number }): void;
  /** How it ended. Throws where the connection breaks, or the server ends it, before that. */
  wait(): Promise<CommandResult>;
  /** Ends the command and the connection. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `GET /exec/connect`; a paused sandbox is resumed first. */
export async function openSession(options: {
  baseUrl: string;
  access: Access;
  request: ExecConnectRequest;
  options: SpawnOptions;
}): Promise<CommandSession> {
  const { baseUrl, access, request, options: spawn } = options;
  spawn.signal?.throwIfAborted();
  const url = new URL(`${baseUrl.replace(/^http/, 'ws')}/exec/connect`);
  const dial = (): Promise<Socket> => {
    const { id, access_token: token } = access.current;
    return openSocket(url, [execSubprotocol, tokenSubprotocol(token), sandboxSubprotocol(id)]);
  };
  let socket: Socket;
  try {
    socket = await dial();
  } catch {
    // Why a handshake was refused is not told to a WebSocket: this says it, or mends it.
    await access.renew();
    socket = await dial();
  }
  socket.send(JSON.stringify(request));
  return sessionOf(socket, { baseUrl, spawn });
}

function sessionOf(socket: Socket, { baseUrl, spawn }: { baseUrl: string; spawn: SpawnOptions }): CommandSession {
  const result = deferred<CommandResult>();
  // A caller may look only later; a rejection before that is not an unhandled one.
  result.promise.catch(() => undefined);
  const closed = deferred<void>();
  const outputs = { stdout: new Output(spawn.onStdout), stderr: new Output(spawn.onStderr) };

  function end(): void {
    socket.close();
  }

  function settle(frame: string): void {
    const outcome = execOutcome.safeParse(parseJson(frame));
    // A frame of a kind that is yet to come.
    if (!outcome.success) return;
    const { data } = outcome;
    for (const output of Object.values(outputs)) output.end();
    if ('finished' in data) {
      const { stdout, stderr } = outputs;
      const truncated = stdout.truncated || stderr.truncated;
      result.resolve({ stdout: stdout.text, stderr: stderr.text, exitCode: data.exit_code, truncated });
    } else {
      result.reject(apiError(data.error, { code: data.code, status: 200 }));
    }
    end();
  }

  const abort = () => {
    result.reject(spawn.signal?.reason);
    end();
  };
  spawn.signal?.addEventListener('abort', abort, { once: true });

  socket.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') return settle(data);
    if (!(data instanceof ArrayBuffer)) return undefined;
    const [channel] = new Uint8Array(data, 0, 1);
    outputs[channel === channels.stderr ? 'stderr' : 'stdout'].add(new Uint8Array(data, 1));
    return undefined;
  });
  socket.addEventListener('close', ({ code, reason }) => {
    spawn.signal?.removeEventListener('abort', abort);
    const words = reason === undefined || reason === '' ? `close code ${code ?? 'none'}` : reason;
    result.reject(new ConnectionError(`the connection closed before the command ended (${words})`, { baseUrl }));
    closed.resolve();
  });

  const control = (message: object) => {
    if (socket.readyState === openState) socket.send(JSON.stringify(message));
  };
  const close = () => {
    end();
    return closed.promise;
  };
  return {
    stdin: {
      write: (data) => {
        if (socket.readyState === openState) for (const frame of stdinFrames(data)) socket.send(frame);
      },
      close: () => control({ type: 'stdin_close' }),
    },
    kill: (name = 'SIGTERM') => control({ type: 'signal', name }),
    resize: ({ columns, rows }) => control({ type: 'resize', columns, rows }),
    wait: () => result.promise,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** `Promise.withResolvers`, which Node 20 has not. */
function deferred<Value>(): {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (reason: unknown) => void;
} {
  let settle: Pick<ReturnType<typeof deferred<Value>>, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<Value>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, resolve: (value) => settle?.resolve(value), reject: (reason) => settle?.reject(reason) };
}

/** WebSockets, section 9.3.1: OPEN. */
const openState = 1;

function stdinFrames(data: string | Uint8Array): Uint8Array<ArrayBuffer>[] {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  const frames: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length; at += maxStdinFrame) {
    const part = bytes.subarray(at, at + maxStdinFrame);
    const frame = new Uint8Array(part.length + 1);
    frame[0] = channels.stdin;
    frame.set(part, 1);
    frames.push(frame);
  }
  return frames;
}

/** One stream of output as text; a character that is cut in two waits for its other half. */
class Output {
  text = '';
  truncated = false;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #listener: ((text: string) => void) | undefined;

  constructor(listener: ((text: string) => void) | undefined) {
    this.#listener = listener;
  }

  add(bytes: Uint8Array): void {
    this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  end(): void {
    this.#take(this.#decoder.decode());
  }

  #take(text: string): void {
    if (text === '') return;
    this.#listener?.(text);
    const room = keptOutput - this.text.length;
    this.truncated ||= text.length > room;
    this.text += text.slice(0, room);
  }
}
