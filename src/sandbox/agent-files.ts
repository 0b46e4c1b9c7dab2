import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { StandinError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { FrameDecoder, decodeObject, encodeChunks, encodeFrame, isRecord } from './agent/protocol.ts';
import type { Frame, FrameType } from './agent/protocol.ts';
import { roomIn } from './agent/room.ts';
import type { DialAgent } from './agent-dial.ts';
import type { DirectoryEntry, SandboxFiles, TreeEntry } from './driver.ts';

/**
 * Files and ports of a sandbox by its agent. What is at the other end is not trusted: frames out of their order, sizes that are
 * none and names that lead elsewhere end the connection.
 */

/** The most entries that are gathered of one directory, or walked through below one, and the most that their names take together. */
const maxEntries = 100_000;
const maxNameBytes = 32 * 1024 * 1024;
/** How long an agent may think before its first answer, and before its answer to all that it was sent, in milliseconds. */
const answerWithinMs = 20_000;
const highWaterMark = 256 * 1024;

const gone = () => new StandinError('unavailable', 'the sandbox, or its agent, went away');
const tooMany = () =>
  new StandinError('bad_request', `has more than ${maxEntries} entries; name a directory below it`, { field: 'path' });

/** `dial` makes a connection to the agent; `refusal` says why nothing may be asked of it now. */
export function agentFiles(
  dial: DialAgent,
  refusal: () => StandinError | null,
  limits: { answerWithinMs: number } = { answerWithinMs },
): SandboxFiles {
  const ask = (type: FrameType, message: object) =>
    Errand.begin(dial, refusal, { request: encodeFrame(type, message), ...limits });
  return {
    async read(path) {
      const errand = await ask('read', { path });
      const { size } = decodeObject((await errand.first('opened')).payload);
      if (size !== null && !isCount(size)) throw errand.wrong();
      const content = size === null ? contentOf(errand) : exactly(size, contentOf(errand), errand);
      const stream = Readable.from(content, { objectMode: false, highWaterMark });
      // Here, since of a generator that was never begun nothing is run at its end.
      stream.once('close', () => errand.end());
      return { size, content: stream };
    },

    async write(path, content) {
      const errand = await ask('write', { path });
      return await errand.send(content);
    },

    async list(path) {
      const errand = await ask('list', { path });
      const entries: DirectoryEntry[] = [];
      const tally = new Tally(errand);
      for (let frame = await errand.first('entries', 'done'); ; frame = await errand.next('entries', 'done')) {
        if (frame.type === 'done') break;
        const { entries: some } = decodeObject(frame.payload);
        if (!Array.isArray(some) || !some.every(isEntry)) throw errand.wrong();
        for (const { name } of some) tally.add(name);
        entries.push(...some);
      }
      errand.end();
      return entries.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
    },

    async *walk(path) {
      const errand = await ask('walk', { path, most: maxEntries });
      const tally = new Tally(errand);
      try {
        for (let frame = await errand.first('entry', 'done'); ; frame = await errand.next('entry', 'done')) {
          if (frame.type === 'done') return;
          const entry = decodeObject(frame.payload);
          if (!isTreeEntry(entry)) throw errand.wrong();
          tally.add(entry.path);
          const { path: name, isDirectory, size, modified, mode } = entry;
          const content = isDirectory ? null : Readable.from(contentOf(errand), { objectMode: false, highWaterMark });
          yield { path: name, isDirectory, size, modified, mode, content };
          // Whoever did not read it to its end does not see what follows.
          if (content !== null && !content.readableEnded) await finished(content);
        }
      } finally {
        errand.end();
      }
    },
  };
}

/** A connection to a port of the sandbox. */
export async function dialPort(dial: DialAgent, port: number): Promise<Duplex> {
  const errand = await Errand.begin(dial, () => null, { request: encodeFrame('dial', { port }), answerWithinMs });
  await errand.first('opened');
  return errand.release();
}

/** What a sandbox may have the server keep of names. */
class Tally {
  readonly #errand: Errand;
  #entries = 0;
  #bytes = 0;

  constructor(errand: Errand) {
    this.#errand = errand;
  }

  /** Throws where it is too much. */
  add(name: string): void {
    this.#entries += 1;
    this.#bytes += Buffer.byteLength(name);
    if (this.#entries <= maxEntries && this.#bytes <= maxNameBytes) return;
    this.#errand.end();
    throw tooMany();
  }
}

/**
 * The length of an answer is told before its bytes: one byte more would be read as the beginning of the next answer. With the
 * last of them it is over, whatever the agent has still to say: a client goes on then, and would wait where a pause came between.
 */
async function* exactly(size: number, content: AsyncGenerator<Buffer>, errand: Errand): AsyncGenerator<Buffer> {
  for (let left = size; left > 0;) {
    const { value, done } = await content.next();
    if (done === true || value.length > left) throw errand.wrong();
    left -= value.length;
    yield value;
  }
}

async function* contentOf(errand: Errand): AsyncGenerator<Buffer> {
  let whole = false;
  try {
    for (;;) {
      const frame = await errand.next('content', 'contentEnd');
      if (frame.type === 'contentEnd') break;
      yield frame.payload;
    }
    whole = true;
  } finally {
    if (!whole) errand.end();
  }
}

async function finished(content: Readable): Promise<void> {
  content.resume();
  if (!content.readableEnded && !content.destroyed) await once(content, 'end');
}

/** One thing asked of the agent, on a connection of its own. */
class Errand {
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();
  readonly #frames: Frame[] = [];
  #wake: (() => void) | null = null;
  #over = false;
  readonly #read = (chunk: Buffer) => {
    try {
      this.#frames.push(...this.#decoder.push(chunk));
    } catch {
      this.#socket.destroy();
    }
    if (this.#frames.length > 0) this.#socket.pause();
    this.#wake?.();
  };

  readonly #answerWithinMs: number;

  static async begin(
    dial: DialAgent,
    refusal: () => StandinError | null,
    options: { request: Buffer; answerWithinMs: number },
  ): Promise<Errand> {
    const refused = refusal();
    if (refused !== null) throw refused;
    return new Errand(await dial(), options);
  }

  private constructor(
    socket: Socket,
    { request, answerWithinMs: within }: { request: Buffer; answerWithinMs: number },
  ) {
    this.#answerWithinMs = within;
    this.#socket = socket;
    this.#socket.on('data', this.#read);
    this.#socket.on('error', () => this.#socket.destroy());
    const close = () => {
      this.#over = true;
      this.#wake?.();
    };
    this.#socket.on('end', close).on('close', close);
    this.#socket.write(request);
  }

  /** The first frame. Rejects where the agent, which may have been stopped from inside, does not answer in time. */
  async first(...wanted: FrameType[]): Promise<Frame> {
    const deadline = setTimeout(() => this.#socket.destroy(), this.#answerWithinMs);
    try {
      return await this.next(...wanted);
    } finally {
      clearTimeout(deadline);
    }
  }

  /** The next frame, which must be one of these. Rejects with what the agent says of a failure. */
  async next(...wanted: FrameType[]): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) {
        if (wanted.includes(frame.type)) return frame;
        throw frame.type === 'failed' ? this.#failure(frame.payload) : this.wrong();
      }
      if (this.#over) throw gone();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      this.#socket.resume();
      await promise;
      this.#wake = null;
    }
  }

  /** Sends all of `content`, as fast as it is taken, and answers what the agent made of it. */
  async send(content: Readable): Promise<{ size: number }> {
    const answer = this.next('done');
    const failed = answer.then(
      () => null,
      (error: unknown) => error,
    );
    const sent = this.#pump(content).then(
      () => null,
      (error: unknown) => ({ error }),
    );
    // A refusal may come at any time; what is still to be sent is of no use then.
    const first = await Promise.race([failed.then(() => 'answered' as const), sent]);
    if (first !== null && first !== 'answered') {
      this.end();
      await failed;
      throw first.error;
    }
    const deadline = setTimeout(() => this.#socket.destroy(), this.#answerWithinMs);
    try {
      const { size } = decodeObject((await answer).payload);
      if (!isCount(size)) throw this.wrong();
      return { size };
    } finally {
      clearTimeout(deadline);
      this.end();
    }
  }

  async #pump(content: Readable): Promise<void> {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      for (const frame of encodeChunks('data', chunk)) {
        if (this.#over || this.#socket.destroyed) return;
        if (!this.#socket.write(frame)) await roomIn(this.#socket);
      }
    }
    this.#socket.write(encodeFrame('dataEnd'));
  }

  /** From here on the connection is the port's. */
  release(): Duplex {
    this.#socket.removeAllListeners();
    // Whoever takes it may hear of its end only later, and an error that nobody listens to ends the server.
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.pause();
    const early = this.#decoder.rest();
    if (early.length > 0) this.#socket.unshift(early);
    return this.#socket;
  }

  end(): void {
    this.#socket.destroy();
  }

  /** For an answer that no agent of ours gives. */
  wrong(): StandinError {
    this.#socket.destroy();
    return gone();
  }

  #failure(payload: Buffer): StandinError {
    this.#socket.destroy();
    const { code, message } = decodeObject(payload);
    if (code === 'too_many_entries') return tooMany();
    const known = failureCodes.find((each) => each === code);
    if (known === undefined || typeof message !== 'string') return gone();
    return new StandinError(known, message.slice(0, 300), known === 'unavailable' ? {} : { field: 'path' });
  }
}

const failureCodes = ['not_found', 'bad_request', 'sandbox_storage_full', 'unavailable'] as const satisfies ErrorCode[];

function isEntry(value: unknown): value is DirectoryEntry {
  return (
    isRecord(value) &&
    isName(value['name']) &&
    typeof value['isDirectory'] === 'boolean' &&
    isCount(value['size']) &&
    Number.isSafeInteger(value['modified'])
  );
}

function isTreeEntry(value: Record<string, unknown>): value is Record<string, unknown> & Omit<TreeEntry, 'content'> {
  const { path, mode } = value;
  return (
    typeof path === 'string' &&
    path.split('/').every((part) => isName(part)) &&
    isEntry({ ...value, name: 'x' }) &&
    isCount(mode) &&
    mode <= 0o777
  );
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && !['', '.', '..'].includes(value) && !/[/\0]/.test(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
