import { Buffer } from 'node:buffer';
import { characterClass, fieldBit } from './characters.ts';
import type { ResponseFraming } from './head.ts';
import { readTrailers } from './trailers.ts';
import { WireError } from './wire-error.ts';

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const semicolon = 0x3b;
const maxSizeDigits = 14;
const maxExtensionBytes = 256;
/** From here on a part costs no more by itself than joined to others. */
const largePart = 1024;

/** What the next byte of a chunked body (RFC 9112 section 7.1) is. */
const step = {
  size: 0,
  extension: 1,
  sizeLineFeed: 2,
  data: 3,
  dataReturn: 4,
  dataLineFeed: 5,
  afterLastChunk: 6,
  trailers: 7,
  lastLineFeed: 8,
} as const;

/**
 * Finds the end of a message's content without copying or re-encoding it, however it is split over reads. Trailer
 * fields alone are withheld, so that they can be judged whole before any of them is forwarded.
 */
export class BodyReader {
  /** The whole message has been read. Content framed by `close` ends with its connection, so there it stays false. */
  done: boolean;
  /** After a push: what of it may be forwarded as it is ends here; equal to what push returned but for trailers. */
  forwardEnd = 0;
  /** With `done`: the trailer lines and the empty line after them, where there were any. Forward them last. */
  trailers: Buffer | null = null;

  readonly #kind: ResponseFraming['kind'];
  readonly #failure: number;
  readonly #content: ((part: Buffer) => void) | null;
  #step: number = step.size;
  /** Bytes of content, or of this chunk's data, still to come. */
  #left: number;
  #digits = 0;
  #extensionBytes = 0;
  #withheld: Buffer | null = null;
  /** Small chunks of one push, handed on together: each by itself would make a write. */
  readonly #small: Buffer[] = [];

  /**
   * `failure`: the status of the WireErrors, 400 for requests, 502 for responses. `content`: is given the content without
   * its framing, piece by piece, each lent for the call.
   */
  constructor(framing: ResponseFraming, failure: 400 | 502, content: ((part: Buffer) => void) | null = null) {
    this.#kind = framing.kind;
    this.#failure = failure;
    this.#content = content;
    this.#left = framing.kind === 'length' ? framing.length : 0;
    this.done = framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0);
  }

  /**
   * Takes `buffer[start, end)`, the bytes that come next. Returns the index after the last one that belongs to this
   * message; what follows is the next message. After a WireError the reader is of no more use.
   */
  push(buffer: Buffer, start: number, end: number): number | WireError {
    if (this.done) return (this.forwardEnd = start);
    if (this.#kind === 'close') {
      this.#content?.(buffer.subarray(start, end));
      return (this.forwardEnd = end);
    }
    if (this.#kind === 'chunked') {
      const after = this.#pushChunked(buffer, start, end);
      this.#giveSmall();
      return after;
    }
    const taken = Math.min(this.#left, end - start);
    this.#left -= taken;
    this.done = this.#left === 0;
    if (taken > 0) this.#content?.(buffer.subarray(start, start + taken));
    return (this.forwardEnd = start + taken);
  }

  #pushChunked(buffer: Buffer, start: number, end: number): number | WireError {
    let at = start;
    while (at < end && !this.done) {
      if (this.#step === step.data) {
        const taken = Math.min(this.#left, end - at);
        this.#left -= taken;
        if (this.#content !== null) this.#giveChunk(this.#content, buffer.subarray(at, at + taken));
        at += taken;
        if (this.#left === 0) this.#step = step.dataReturn;
        continue;
      }
      if (this.#step === step.trailers || (this.#step === step.afterLastChunk && buffer[at] !== carriageReturn)) {
        this.#step = step.trailers;
        this.forwardEnd = at;
        return this.#pushTrailers(buffer, at, end);
      }
      const wrong = this.#take(buffer[at] ?? 0);
      if (wrong !== null) return new WireError(this.#failure, wrong);
      at++;
    }
    return (this.forwardEnd = at);
  }

  #giveChunk(content: (part: Buffer) => void, part: Buffer): void {
    if (part.length < largePart) {
      this.#small.push(part);
      return;
    }
    this.#giveSmall();
    content(part);
  }

  #giveSmall(): void {
    if (this.#small.length === 0) return;
    const parts = this.#small.splice(0);
    this.#content?.(parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts));
  }

  /** One byte of what stands around the data. Returns what is wrong with it, or null. */
  #take(byte: number): string | null {
    switch (this.#step) {
      case step.size:
        return this.#takeSize(byte);
      case step.extension:
        // "A recipient MUST ignore unrecognized chunk extensions" (section 7.1.1); it may limit them, and a line end in
        // them that only some readers see is how chunks are smuggled.
        if (byte === carriageReturn) this.#step = step.sizeLineFeed;
        else if (((characterClass[byte] ?? 0) & fieldBit) === 0)
          return 'control character in a chunk extension (RFC 9112 section 7.1.1)';
        else if (++this.#extensionBytes > maxExtensionBytes)
          return 'chunk extension over 256 bytes (RFC 9112 section 7.1.1)';
        return null;
      case step.sizeLineFeed:
        if (byte !== lineFeed) return 'chunk size line that does not end in CRLF (RFC 9112 section 7.1)';
        this.#step = this.#left === 0 ? step.afterLastChunk : step.data;
        this.#digits = 0;
        this.#extensionBytes = 0;
        return null;
      case step.dataReturn:
        if (byte !== carriageReturn) return 'chunk data longer than its size (RFC 9112 section 7.1)';
        this.#step = step.dataLineFeed;
        return null;
      case step.dataLineFeed:
        if (byte !== lineFeed) return 'chunk data that does not end in CRLF (RFC 9112 section 7.1)';
        this.#step = step.size;
        return null;
      case step.afterLastChunk:
        this.#step = step.lastLineFeed;
        return null;
      default:
        if (byte !== lineFeed) return 'chunked content that does not end in CRLF (RFC 9112 section 7.1)';
        this.done = true;
        return null;
    }
  }

  #takeSize(byte: number): string | null {
    const digit = hexDigit(byte);
    if (digit !== -1) {
      if (++this.#digits > maxSizeDigits) return 'chunk size of more than 14 digits (RFC 9112 section 7.1)';
      this.#left = this.#left * 16 + digit;
      return this.#left > Number.MAX_SAFE_INTEGER ? 'chunk size of 2^53 or more (RFC 9112 section 7.1)' : null;
    }
    if (this.#digits === 0) return 'chunk without a size in hexadecimal (RFC 9112 section 7.1)';
    if (byte === carriageReturn) this.#step = step.sizeLineFeed;
    else if (byte === semicolon) this.#step = step.extension;
    else return 'chunk size that is not hexadecimal (RFC 9112 section 7.1)';
    return null;
  }

  #pushTrailers(buffer: Buffer, start: number, end: number): number | WireError {
    const held = this.#withheld;
    const before = held?.length ?? 0;
    const withheld =
      held === null ? Buffer.from(buffer.subarray(start, end)) : Buffer.concat([held, buffer.subarray(start, end)]);
    this.#withheld = withheld;
    const after = readTrailers(withheld);
    if (after instanceof WireError) return new WireError(this.#failure, after.reason);
    if (after === -1) return end;
    this.trailers = withheld.subarray(0, after);
    this.done = true;
    return start + after - before;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
