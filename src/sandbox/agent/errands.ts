import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { listDirectory, readFile, walkTree, writeFile } from './files.ts';
import { decodeObject, encodeChunks, encodeFrame } from './protocol.ts';
import type { Frame, FrameDecoder, FrameType } from './protocol.ts';
import { roomIn } from './room.ts';

/** What is done on one connection beside processes, by the first frame. */
const errands = {
  read: async (line: Line, message: Record<string, unknown>) => {
    const { size, content } = await readFile(pathOf(message));
    await line.send(encodeFrame('opened', { size }));
    await line.sendContent(content);
  },
  write: async (line: Line, message: Record<string, unknown>) => {
    const size = await writeFile(pathOf(message), line.content());
    await line.send(encodeFrame('done', { size }));
  },
  list: async (line: Line, message: Record<string, unknown>) => {
    for await (const entries of listDirectory(pathOf(message))) await line.send(encodeFrame('entries', { entries }));
    await line.send(encodeFrame('done'));
  },
  walk: async (line: Line, message: Record<string, unknown>) => {
    const { most } = message;
    if (typeof most !== 'number') throw new SyntaxError('no most');
    for await (const { content, ...entry } of walkTree(pathOf(message), { most })) {
      await line.send(encodeFrame('entry', entry));
      if (content !== null) await line.sendContent(content);
    }
    await line.send(encodeFrame('done'));
  },
  dial: async (line: Line, { port }: Record<string, unknown>) => {
    if (typeof port !== 'number') throw new SyntaxError('no port');
    await line.become(await dialHere(port));
  },
} satisfies Partial<Record<FrameType, (line: Line, message: Record<string, unknown>) => Promise<void>>>;

type Errand = keyof typeof errands;

export function isErrand(type: FrameType): type is Errand {
  return Object.hasOwn(errands, type);
}

/** Never rejects: what goes wrong is told, and the connection ended. */
export async function runErrand(
  { type, payload }: Frame,
  connection: { socket: Socket; early: Frame[]; decoder: FrameDecoder },
): Promise<void> {
  const { socket } = connection;
  const line = new Line(connection);
  try {
    if (!isErrand(type)) throw new SyntaxError('no errand');
    await errands[type](line, decodeObject(payload));
    if (!line.raw) socket.once('end', () => socket.end()).resume();
  } catch (error) {
    if (socket.destroyed) return;
    socket.once('end', () => socket.end()).resume();
    socket.write(encodeFrame('failed', failureOf(error)));
    // What still comes is of no use; closing before it is read could cost the other side the answer.
    socket.resume();
  }
}

/** The connection of one errand. */
class Line {
  raw = false;
  readonly #socket: Socket;
  readonly #early: Frame[];
  readonly #decoder: FrameDecoder;

  constructor({ socket, early, decoder }: { socket: Socket; early: Frame[]; decoder: FrameDecoder }) {
    this.#socket = socket;
    this.#early = early;
    this.#decoder = decoder;
  }

  /** Resolves when more may be sent. Rejects where nobody is there any more. */
  async send(frame: Buffer): Promise<void> {
    if (this.#socket.destroyed) throw new Error('the server is gone');
    if (this.#socket.write(frame)) return;
    await roomIn(this.#socket);
  }

  async sendContent(content: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of content) {
      for (const frame of encodeChunks('content', chunk)) await this.send(frame);
    }
    await this.send(encodeFrame('contentEnd'));
  }

  /** What the server sends up to `dataEnd`. Throws where the connection ends before. */
  async *content(): AsyncGenerator<Buffer> {
    for (const frame of this.#early) {
      if (frame.type === 'dataEnd') return;
      if (frame.type === 'data') yield frame.payload;
    }
    // Not destroyed when this ends: the answer goes out on it.
    for await (const chunk of this.#socket.iterator({ destroyOnReturn: false })) {
      for (const frame of this.#decoder.push(chunk)) {
        if (frame.type === 'dataEnd') return;
        if (frame.type === 'data') yield frame.payload;
      }
    }
    throw new Error('the server is gone');
  }

  /** The connection becomes that of a port: what one side says the other is told, and each may end first. */
  async become(port: Socket): Promise<void> {
    await this.send(encodeFrame('opened'));
    this.raw = true;
    const line = this.#socket;
    line.on('error', () => port.destroy()).on('close', () => port.destroy());
    port.on('error', () => line.destroy()).on('close', () => line.destroySoon());
    line.pipe(port);
    port.pipe(line);
  }
}

async function dialHere(port: number): Promise<Socket> {
  let failure: unknown = null;
  for (const host of ['127.0.0.1', '::1']) {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      failure ??= error;
    }
  }
  throw new Error(`nothing listens on port ${port} in the sandbox`, { cause: failure });
}

function pathOf({ path }: Record<string, unknown>): string {
  if (typeof path !== 'string') throw new SyntaxError('no path');
  return path;
}

/** The code, as the server has them, and words for whoever asked. */
function failureOf(error: unknown): { code: string; message: string } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : 'failed';
  const known = failures[code];
  return known === undefined ? { code: 'unavailable', message } : { code: known.code, message: known.words };
}

const failures: Record<string, { code: string; words: string } | undefined> = {
  ENOENT: { code: 'not_found', words: 'path: there is nothing of that name' },
  EISDIR: { code: 'bad_request', words: 'path: is a directory; name a file, or add format=zip to download all of it' },
  ENOTDIR: { code: 'bad_request', words: 'path: a part of it is a file and not a directory' },
  ENAMETOOLONG: { code: 'bad_request', words: 'path: is longer than a name may be' },
  ELOOP: { code: 'bad_request', words: 'path: its links lead nowhere but to each other' },
  EACCES: { code: 'bad_request', words: 'path: the sandbox’s user may not do that there' },
  EPERM: { code: 'bad_request', words: 'path: the sandbox’s user may not do that there' },
  EROFS: {
    code: 'bad_request',
    words: 'path: is on a part of the sandbox that cannot be written; /home/user and /tmp can',
  },
  ETXTBSY: { code: 'bad_request', words: 'path: is a program that runs' },
  EINVAL: { code: 'bad_request', words: 'path: is nothing that can be read or written as a file' },
  // As for an address that nothing is mapped at, in the memory of a process.
  EIO: { code: 'bad_request', words: 'path: is nothing that can be read or written as a file' },
  ENODEV: { code: 'bad_request', words: 'path: is nothing that can be read or written as a file' },
  EOPNOTSUPP: { code: 'bad_request', words: 'path: is nothing that can be read or written as a file' },
  ENXIO: { code: 'bad_request', words: 'path: is nothing that can be read or written as a file' },
  E2BIG: { code: 'too_many_entries', words: '' },
  ENOSPC: { code: 'sandbox_storage_full', words: 'the sandbox has no room left for it' },
  EDQUOT: { code: 'sandbox_storage_full', words: 'the sandbox has no room left for it' },
  EFBIG: { code: 'sandbox_storage_full', words: 'the sandbox has no room left for it' },
};
