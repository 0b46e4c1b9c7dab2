import type { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { StandinError } from '../errors.ts';
import type { DialAgent } from './agent-dial.ts';
import { agentFiles, dialPort } from './agent-files.ts';
import { FrameDecoder, decodeObject, encodeChunks, encodeFrame, initialCredit, maxChunk } from './agent/protocol.ts';
import type { ExecMessage, Frame } from './agent/protocol.ts';
import type { ExecSession, RunningSandbox } from './driver.ts';

/** How an agent is reached, and when it is not to be. */
export interface AgentAccess {
  dial: DialAgent;
  /** Why nothing may be asked of it now; null: it may. */
  refusal: () => StandinError | null;
  /** Set in every process. */
  baseEnv: Record<string, string>;
  /** Where a process starts if nothing is said. */
  home: string;
}

const healthTimeoutMs = 2000;
/** How long an agent may take to say that a process was started, in milliseconds. */
const startWithinMs = 20_000;

/** What a sandbox does through its agent. */
export function openAgent({
  dial,
  refusal,
  baseEnv,
  home,
}: AgentAccess): Pick<RunningSandbox, 'exec' | 'files' | 'connect'> & { ping(): Promise<boolean> } {
  return {
    ping: () => pingAgent(dial, healthTimeoutMs),
    exec(request) {
      const refused = refusal();
      if (refused !== null) return Promise.reject(refused);
      return execThroughAgent(dial, {
        command: request.command,
        ...(request.args === undefined ? {} : { args: request.args }),
        ...(request.tty === undefined ? {} : { tty: request.tty }),
        env: { ...baseEnv, ...(request.tty === undefined ? {} : { TERM: 'xterm-256color' }), ...request.env },
        workingDir: request.workingDir ?? home,
      });
    },
    files: agentFiles(dial, refusal),
    connect(port) {
      const refused = refusal();
      return refused === null ? dialPort(dial, port) : Promise.reject(refused);
    },
  };
}

/** True where the agent answers within `timeoutMs`. `rest`: it is asked to call nobody for a while, where it calls at all. */
export async function pingAgent(
  dial: DialAgent,
  timeoutMs: number,
  question: 'ping' | 'rest' = 'ping',
): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  let socket: Socket;
  try {
    socket = await dial();
  } catch {
    return false;
  }
  return await new Promise((resolve) => {
    const decoder = new FrameDecoder();
    const finish = (answer: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(false), until - performance.now());
    for (const end of ['error', 'end', 'close']) socket.on(end, () => finish(false));
    socket.on('data', (chunk: Buffer) => {
      try {
        if (decoder.push(chunk).some((frame) => frame.type === 'pong')) finish(true);
      } catch {
        finish(false);
      }
    });
    socket.write(encodeFrame(question));
  });
}

/**
 * Starts a process through the agent. Rejects with `bad_request` where it cannot be started as asked, and `unavailable`
 * where the agent is gone. Both outputs are to be read: they share one connection, so one that is left full holds up the
 * other.
 */
export async function execThroughAgent(dial: DialAgent, message: ExecMessage): Promise<ExecSession> {
  const request = encodeRequest(message);
  const socket = await dial();
  return await new Promise((resolve, reject) => {
    new Connection(socket, { started: resolve, failed: reject }).send(request);
  });
}

function encodeRequest(message: ExecMessage): Buffer {
  try {
    return encodeFrame('exec', message);
  } catch {
    throw new StandinError('bad_request', 'command, args and env: must be under 1 MiB together');
  }
}

interface Start {
  started(session: ExecSession): void;
  failed(error: StandinError): void;
}

const gone = () => new StandinError('unavailable', 'the sandbox, or its agent, went away');

/** The server's end of one process. What is at the other end is not trusted: it is inside the sandbox. */
class Connection {
  readonly #socket: Socket;
  readonly #start: Start;
  readonly #decoder = new FrameDecoder();
  readonly #stdout: Readable;
  readonly #stderr: Readable;
  readonly #stdin: Writable;
  readonly #exit = Promise.withResolvers<number>();
  #state: 'starting' | 'running' | 'over' = 'starting';
  #credit = initialCredit;
  readonly #starting = setTimeout(() => this.#end(gone()), startWithinMs);
  #waiting: { frames: Buffer[]; done: () => void } | null = null;

  constructor(socket: Socket, start: Start) {
    this.#socket = socket;
    this.#start = start;
    const output = {
      read: () => void socket.resume(),
      // Whoever wants neither output any more has given the process up, whether or not its end was told.
      destroy: (error: Error | null, done: (error: Error | null) => void) => {
        done(error);
        if (this.#stdout.destroyed && this.#stderr.destroyed) this.#end(gone());
      },
    };
    this.#stdout = new Readable(output);
    this.#stderr = new Readable(output);
    this.#stdin = new Writable({
      highWaterMark: maxChunk,
      write: (chunk: Buffer, _encoding, done) => this.#write(chunk, done),
      final: (done) => {
        this.send(encodeFrame('stdinEnd'));
        done();
      },
    });
    // Not every caller waits for the exit.
    this.#exit.promise.catch(() => undefined);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#end(gone()));
  }

  send(frame: Buffer): void {
    if (!this.#socket.destroyed) this.#socket.write(frame);
  }

  #read(chunk: Buffer): void {
    try {
      for (const frame of this.#decoder.push(chunk)) this.#take(frame);
    } catch {
      this.#socket.destroy();
    }
  }

  #take({ type, payload }: Frame): void {
    if (type === 'started' && this.#state === 'starting') {
      this.#state = 'running';
      clearTimeout(this.#starting);
      this.#start.started(this.#session());
    } else if (type === 'failed' && this.#state === 'starting') {
      const { message } = decodeObject(payload);
      this.#end(
        new StandinError('bad_request', typeof message === 'string' ? message.slice(0, 300) : 'cannot be started'),
      );
    } else if (this.#state === 'running' && type === 'stdout') {
      if (!this.#stdout.push(payload)) this.#socket.pause();
    } else if (this.#state === 'running' && type === 'stderr') {
      if (!this.#stderr.push(payload)) this.#socket.pause();
    } else if (type === 'credit') {
      this.#credit = Math.min(initialCredit, this.#credit + payload.readUInt32BE());
      this.#flush();
    } else if (type === 'exit') {
      const { code } = decodeObject(payload);
      this.#end(Number.isInteger(code) && Number(code) >= 0 && Number(code) <= 255 ? Number(code) : gone());
    }
  }

  #session(): ExecSession {
    return {
      stdin: this.#stdin,
      stdout: this.#stdout,
      stderr: this.#stderr,
      exit: this.#exit.promise,
      signal: (name) => this.send(encodeFrame('signal', Buffer.from(name))),
      resize: (size) => this.send(encodeFrame('resize', size)),
    };
  }

  #end(result: number | StandinError): void {
    if (this.#state === 'over') return;
    const starting = this.#state === 'starting';
    this.#state = 'over';
    clearTimeout(this.#starting);
    this.#stdin.destroy();
    this.#waiting?.done();
    this.#stdout.push(null);
    this.#stderr.push(null);
    if (typeof result === 'number') this.#exit.resolve(result);
    else this.#exit.reject(result);
    if (starting) this.#start.failed(typeof result === 'number' ? gone() : result);
    this.#socket.destroy();
  }

  #write(chunk: Buffer, done: () => void): void {
    this.#waiting = { frames: encodeChunks('stdin', chunk), done };
    this.#flush();
  }

  #flush(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    const frameHead = encodeFrame('stdin').length;
    for (let next = waiting.frames[0]; next !== undefined; next = waiting.frames[0]) {
      if (this.#credit < next.length - frameHead) return;
      this.#credit -= next.length - frameHead;
      waiting.frames.shift();
      this.send(next);
    }
    this.#waiting = null;
    waiting.done();
  }
}
