import { WireError } from '../wire/wire-error.ts';
import type { Scrub } from './scrub.ts';
import type { ScrubStream } from './scrub-stream.ts';

const finalBit = 0x80;
const reservedBits = 0x70;
const opcodeBits = 0x0f;
const controlBit = 0x08;
const maskBit = 0x80;
const lengthBits = 0x7f;
/** RFC 6455 5.5: "All control frames MUST have a payload length of 125 bytes or less". */
const mostControl = 125;
const opcodes = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;
const known: ReadonlySet<number> = new Set(Object.values(opcodes));
const nothing = Buffer.alloc(0);

/**
 * The server's frames (RFC 6455 section 5) on their way to the sandbox, without sockets: messages are scrubbed over the
 * borders of their frames, text and binary alike, and the payloads of control frames by themselves. A frame that is at
 * hand whole and clean goes on byte for byte; one that is not goes on as fragments, as its pieces come (section 5.4
 * lets an intermediary do that where no extension was negotiated, and none may be: a reserved bit is an error).
 */
export class WebSocketScrubber {
  readonly #stream: ScrubStream;
  readonly #controls: ScrubStream;
  /** A frame's header as far as it has come. */
  #header: Buffer = nothing;
  /** Of the frame that is being read; 0 bytes left: none is. */
  #final = false;
  #frameOpcode = 0;
  #left = 0;
  /** A control frame's payload as far as it has come, and its first byte. */
  #control: { first: number; payload: Buffer } | null = null;
  /** The opcode that the next frame of this message goes out with; null: no message is open. */
  #opcode: number | null = null;
  #broken: WireError | null = null;

  constructor(scrub: Scrub) {
    this.#stream = scrub.stream();
    this.#controls = scrub.stream({ keepLength: true });
  }

  /** Values that were not known when it began are looked for too, in what comes from here on. */
  searchAlso(later: Scrub): void {
    this.#stream.searchAlso(later);
    this.#controls.searchAlso(later);
  }

  /** Occurrences replaced so far, and the entries that they were of. */
  get replaced(): number {
    return this.#stream.replaced + this.#controls.replaced;
  }

  get replacedIds(): ReadonlySet<string> {
    return this.#stream.replacedIds.union(this.#controls.replacedIds);
  }

  /**
   * Takes what comes next, lent for the call, and returns the frames for the sandbox, lent as well: the chunk itself
   * where nothing had to change. After a WireError the connection must be closed.
   */
  push(chunk: Buffer): Buffer | WireError {
    if (this.#broken !== null) return this.#broken;
    const out: Buffer[] = [];
    // Up to here the chunk has been put out; what lies between this and `at` goes on as it is.
    let put = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const end = Math.min(chunk.length, at + this.#left);
        out.push(...this.#takePiece(chunk.subarray(at, end)));
        put = at = end;
        continue;
      }
      const begin = at;
      const carried = this.#header.length;
      const size = this.#readHeader(chunk, at);
      if (size instanceof WireError) return (this.#broken = size);
      if (size === -1) {
        out.push(chunk.subarray(put, begin));
        put = at = chunk.length;
        continue;
      }
      at += size;
      const end = at + this.#left;
      if (carried === 0 && end <= chunk.length && this.#control === null && this.#passes(chunk, at, end)) {
        at = end;
        continue;
      }
      out.push(chunk.subarray(put, begin));
      const pieceEnd = Math.min(end, chunk.length);
      out.push(...this.#takePiece(chunk.subarray(at, pieceEnd)));
      put = at = pieceEnd;
    }
    if (put === 0) return chunk;
    if (put < chunk.length) out.push(chunk.subarray(put));
    return out.length === 1 ? (out[0] ?? nothing) : Buffer.concat(out);
  }

  /** The connection is gone. */
  destroy(): void {
    this.#stream.destroy();
    this.#controls.destroy();
    this.#control = null;
  }

  /** Bytes of the header that the chunk holds, -1 while it is not whole. */
  #readHeader(chunk: Buffer, at: number): number | WireError {
    const carried = this.#header.length;
    const bytes =
      carried === 0 ? chunk.subarray(at, at + 10) : Buffer.concat([this.#header, chunk.subarray(at, at + 10)]);
    const length = headerLength(bytes);
    if (bytes.length < 2 || bytes.length < length) {
      this.#header = Buffer.from(bytes);
      return -1;
    }
    this.#header = nothing;
    const wrong = this.#begin(bytes);
    return wrong ?? length - carried;
  }

  #begin(header: Buffer): WireError | null {
    const [first = 0, second = 0] = header;
    const opcode = first & opcodeBits;
    if ((first & reservedBits) !== 0) return broken('a reserved bit without an extension (RFC 6455 section 5.2)');
    if ((second & maskBit) !== 0) return broken('a masked frame of a server (RFC 6455 section 5.1)');
    if (!known.has(opcode)) return broken('an unknown opcode (RFC 6455 section 5.2)');
    const length = payloadLength(header);
    if (length instanceof WireError) return length;
    this.#left = length;
    if ((opcode & controlBit) !== 0) {
      if (length > mostControl || (first & finalBit) === 0) {
        return broken('a control frame that is fragmented or over 125 bytes (RFC 6455 section 5.5)');
      }
      this.#control = { first, payload: nothing };
      return null;
    }
    // RFC 6455 5.4: fragments follow each other, control frames alone may stand between them.
    if ((opcode === opcodes.continuation) === (this.#opcode === null)) {
      return broken('a fragment without a message, or a message within another (RFC 6455 section 5.4)');
    }
    this.#opcode ??= opcode;
    this.#frameOpcode = opcode;
    this.#final = (first & finalBit) !== 0;
    return null;
  }

  /** Whether a data frame that is at hand whole may go on as it is; if not, its payload has not been taken yet. */
  #passes(chunk: Buffer, start: number, end: number): boolean {
    // Where nothing of the message has gone out yet, a continuation must bear the message's opcode.
    if (this.#frameOpcode !== this.#opcode) return false;
    if (!this.#stream.isClean(chunk, { start, end, last: this.#final })) return false;
    // RFC 6455 5.4: only the first frame of a message bears its opcode.
    this.#opcode = this.#final ? null : opcodes.continuation;
    this.#left = 0;
    return true;
  }

  /** A piece of the payload, perhaps the whole of it. */
  #takePiece(piece: Buffer): Buffer[] {
    this.#left -= piece.length;
    if (this.#control !== null) return this.#takeControl(this.#control, piece);
    const ends = this.#final && this.#left === 0;
    const clean = this.#stream.push(piece);
    const payload = ends && this.#stream.heldBytes > 0 ? Buffer.concat([clean, this.#stream.end()]) : clean;
    if (payload.length === 0 && !ends) return [];
    const header = frameHeader((ends ? finalBit : 0) | (this.#opcode ?? 0), payload.length);
    this.#opcode = ends ? null : opcodes.continuation;
    return [header, payload];
  }

  #takeControl(control: { first: number; payload: Buffer }, piece: Buffer): Buffer[] {
    control.payload = Buffer.concat([control.payload, piece]);
    if (this.#left > 0) return [];
    this.#control = null;
    const { first, payload } = control;
    const clean = Buffer.concat([this.#controls.push(payload), this.#controls.end()]);
    return [frameHeader(first, clean.length), clean];
  }
}

/** Bytes of the header that begins so; at least two must be there to tell. */
function headerLength(bytes: Uint8Array): number {
  const short = (bytes[1] ?? 0) & lengthBits;
  return short === 126 ? 4 : short === 127 ? 10 : 2;
}

function payloadLength(header: Buffer): number | WireError {
  const short = (header[1] ?? 0) & lengthBits;
  if (short < 126) return short;
  const length = short === 126 ? header.readUInt16BE(2) : header.readUInt32BE(2) * 2 ** 32 + header.readUInt32BE(6);
  if (length > Number.MAX_SAFE_INTEGER) return broken('a frame of 2^53 bytes or more (RFC 6455 section 5.2)');
  // "the minimal number of bytes MUST be used to encode the length"
  const minimal = short === 126 ? 126 : 2 ** 16;
  return length < minimal ? broken('a length in more bytes than it needs (RFC 6455 section 5.2)') : length;
}

function frameHeader(first: number, length: number): Buffer {
  const header = Buffer.alloc(length < 126 ? 2 : length < 2 ** 16 ? 4 : 10);
  header[0] = first;
  header[1] = length < 126 ? length : length < 2 ** 16 ? 126 : 127;
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

function broken(reason: string): WireError {
  return new WireError(502, reason);
}
