import type { Readable } from 'node:stream';

/** Bytes of a connection, taken piece by piece. Frames HTTP/1.1 by itself, so that nothing is checked by our parser. */
export interface ByteReader {
  /** Up to and including the first `marker`. */
  until(marker: string): Promise<Buffer>;
  exactly(length: number): Promise<Buffer>;
  /** All that comes until the peer closes. */
  toEnd(): Promise<Buffer>;
  /** Bytes that came and were not taken. */
  rest(): Buffer;
  /** Resolves when the peer has closed, or the connection broke. */
  closed: Promise<void>;
}

/** The pieces in which a stream's bytes come; leaving the loop ends the stream. */
export async function* piecesOf(stream: Readable): AsyncGenerator<Buffer, void> {
  for await (const piece of stream) if (Buffer.isBuffer(piece)) yield piece;
}

/** The connection closed while more was expected; `received` is what had come. */
export class ConnectionClosed extends Error {
  readonly received: Buffer;

  constructor(received: Buffer) {
    super(`connection closed after ${JSON.stringify(received.toString('latin1').slice(0, 200))}`);
    this.name = 'ConnectionClosed';
    this.received = received;
  }
}

/** Reads from `socket`, from now on. */
export function readBytes(socket: Readable): ByteReader {
  let buffer: Buffer = Buffer.alloc(0);
  let ended = false;
  let wake: (() => void) | undefined;
  const closed = new Promise<void>((resolve) => {
    const finish = () => {
      ended = true;
      wake?.();
      resolve();
    };
    socket.on('end', finish).on('close', finish).on('error', finish);
  });
  socket.on('data', (piece: Buffer) => {
    buffer = buffer.length === 0 ? piece : Buffer.concat([buffer, piece]);
    wake?.();
  });

  async function take(measure: () => number): Promise<Buffer> {
    for (;;) {
      const length = measure();
      if (length >= 0) {
        const taken = buffer.subarray(0, length);
        buffer = buffer.subarray(length);
        return taken;
      }
      if (ended) throw new ConnectionClosed(buffer);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    until: (marker) =>
      take(() => {
        const index = buffer.indexOf(marker, 0, 'latin1');
        return index < 0 ? -1 : index + marker.length;
      }),
    exactly: (length) => take(() => (buffer.length >= length ? length : -1)),
    toEnd: () => take(() => (ended ? buffer.length : -1)),
    rest: () => buffer,
    closed,
  };
}

/** A message's head as it came. */
export interface Head {
  /** First line, headers and the empty line, to the byte. */
  bytes: Buffer;
  startLine: string;
  /** Names in their own case, in their own order. */
  headers: [name: string, value: string][];
}

/** Takes one head. A CGI program's has no start line. */
export async function readHead(
  reader: ByteReader,
  options: { startLine: boolean } = { startLine: true },
): Promise<Head> {
  const bytes = await reader.until('\r\n\r\n');
  const lines = bytes.toString('latin1').slice(0, -4).split('\r\n');
  const startLine = options.startLine ? (lines.shift() ?? '') : '';
  return { bytes, startLine, headers: lines.map(headerLine) };
}

function headerLine(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

/** The values of every `name` header, in order. */
export function headerValues(head: Pick<Head, 'headers'>, name: string): string[] {
  return head.headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

/** A body as it came on the wire, and what it says. */
export interface Body {
  raw: Buffer;
  content: Buffer;
  /** Trailer lines of a chunked body. */
  trailers: [name: string, value: string][];
}

/** Takes the body that belongs to `head` (RFC 9112 section 6.3). `unframed`: what holds where the head does not say. */
export async function readBody(reader: ByteReader, head: Head, unframed: 'none' | 'to-end'): Promise<Body> {
  if (headerValues(head, 'transfer-encoding').some((value) => /chunked$/i.test(value))) return readChunked(reader);
  const [length] = headerValues(head, 'content-length');
  let raw: Buffer = Buffer.alloc(0);
  if (length !== undefined) raw = await reader.exactly(Number(length));
  else if (unframed === 'to-end') raw = await reader.toEnd();
  return { raw, content: raw, trailers: [] };
}

async function readChunked(reader: ByteReader): Promise<Body> {
  const raw: Buffer[] = [];
  const content: Buffer[] = [];
  for (;;) {
    const sizeLine = await reader.until('\r\n');
    raw.push(sizeLine);
    const size = Number.parseInt(sizeLine.toString('latin1'), 16);
    if (size === 0) break;
    const chunk = await reader.exactly(size + 2);
    raw.push(chunk);
    content.push(chunk.subarray(0, size));
  }
  const trailers: [string, string][] = [];
  for (;;) {
    const line = await reader.until('\r\n');
    raw.push(line);
    if (line.length === 2) return { raw: Buffer.concat(raw), content: Buffer.concat(content), trailers };
    trailers.push(headerLine(line.toString('latin1').slice(0, -2)));
  }
}
