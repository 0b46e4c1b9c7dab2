import { timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { StandinError } from '../../errors.ts';
import type { DialAgent } from '../agent-dial.ts';

/** Connections that have not said who they are, and those that wait: more are refused. */
const most = 32;
const provingTimeoutMs = 5000;
const callTimeoutMs = 20_000;

interface Waiting {
  resolve(socket: Socket): void;
  reject(error: StandinError): void;
  timer: NodeJS.Timeout;
}

/**
 * The connections on which a sandbox's agent calls. Everything inside can call here too: a connection counts once it has
 * said the token that only the agent was given, and what does not is ended.
 */
export class AgentCalls {
  readonly #server: Server;
  readonly #token: Buffer;
  readonly #unproven = new Set<Socket>();
  readonly #ready: Socket[] = [];
  readonly #waiting: Waiting[] = [];
  #closed = false;

  /** `handle`: a native one, bound in the sandbox's network. */
  constructor(handle: unknown, token: string) {
    this.#token = Buffer.from(token, 'latin1');
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#prove(socket));
    this.#server.on('error', () => undefined);
    if (typeof handle !== 'object' || handle === null) throw new TypeError('the agent’s listener is no handle');
    this.#server.listen(handle);
    // Nothing may keep a server alive that lets its sandboxes go.
    this.#server.unref();
  }

  /** The next of them; waits for one where none is there. */
  readonly dial: DialAgent = () => {
    if (this.#closed) return Promise.reject(gone());
    const socket = this.#ready.shift();
    if (socket !== undefined) return Promise.resolve(taken(socket));
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        resolve,
        reject,
        timer: setTimeout(() => {
          this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
          reject(gone());
        }, callTimeoutMs),
      };
      this.#waiting.push(waiting);
    });
  };

  close(): void {
    this.#closed = true;
    this.#server.close();
    for (const socket of [...this.#unproven, ...this.#ready]) socket.destroy();
    for (const waiting of this.#waiting.splice(0)) {
      clearTimeout(waiting.timer);
      waiting.reject(gone());
    }
  }

  #prove(socket: Socket): void {
    socket.unref();
    socket.on('error', () => socket.destroy());
    if (this.#unproven.size >= most || this.#ready.length >= most) {
      socket.destroy();
      return;
    }
    this.#unproven.add(socket);
    const timer = setTimeout(() => socket.destroy(), provingTimeoutMs).unref();
    const over = () => {
      clearTimeout(timer);
      this.#unproven.delete(socket);
    };
    socket.once('close', over);
    const read = () => {
      const said: unknown = socket.read(this.#token.length);
      if (!(said instanceof Buffer)) return;
      over();
      socket.off('readable', read).off('close', over);
      if (timingSafeEqual(said, this.#token)) this.#take(socket);
      else socket.destroy();
    };
    socket.on('readable', read);
    socket.once('end', () => socket.destroy());
  }

  #take(socket: Socket): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      clearTimeout(waiting.timer);
      waiting.resolve(taken(socket));
      return;
    }
    this.#ready.push(socket);
    // It says nothing of itself now: an end, or a word, and it is of no use.
    const lost = () => {
      socket.destroy();
      const at = this.#ready.indexOf(socket);
      if (at !== -1) this.#ready.splice(at, 1);
    };
    socket.on('readable', lost).once('close', lost);
  }
}

/** As it was when it was accepted, for whoever asks something on it. */
function taken(socket: Socket): Socket {
  socket.removeAllListeners();
  socket.on('error', () => socket.destroy());
  socket.ref();
  return socket;
}

const gone = () => new StandinError('unavailable', 'the sandbox, or its agent, went away');
