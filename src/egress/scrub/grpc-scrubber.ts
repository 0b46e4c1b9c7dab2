import type { BodyHandler } from './body-scrubber.ts';
import { readCodings } from './codings.ts';
import type { Coding } from './codings.ts';
import { leastScrubbed } from './scrub.ts';
import type { Scrub } from './scrub.ts';
import type { ScrubStream } from './scrub-stream.ts';
import { scrubWhole } from './whole-body.ts';

const headerLength = 5;
const plain = 0;
const compressed = 1;
/** A compressed message is held, and undone within the call, up to this size, before and after. */
const mostCompressed = 1024 * 1024;

/**
 * The messages of an answer of gRPC, gRPC-Web or Connect on their way to the sandbox: each is a byte of flags, a length of four
 * bytes and so many bytes ("Length-Prefixed-Message" of PROTOCOL-HTTP2.md). A caller may wait for all of a message before it says more, so
 * what looks like the beginning of a value at its end does not wait for the next: in no spelling does the header of the
 * next stand within a value. Messages keep their lengths, as other lengths within them tell of them; a stand-in that does not fit is
 * cut, or filled with `x`.
 *
 * A compressed message is not asked for. One that comes nevertheless is undone and searched by itself; one that cannot
 * be ends the answer.
 */
export class GrpcScrubber {
  #scrub: Scrub;
  readonly #stream: ScrubStream;
  readonly #handler: BodyHandler;
  readonly #codings: readonly Coding[];
  /** Flags that say nothing of compression. */
  readonly #otherFlags: number;
  readonly #header = Buffer.alloc(headerLength);
  #headerBytes = 0;
  /** Bytes of the message that are still to come. */
  #left = 0;
  /** A compressed message as far as it has come. */
  #packed: Buffer[] | null = null;
  #out: Buffer[] = [];
  /** Up to here the chunk has been put out; what lies between this and the current place goes on as it is. */
  #put = 0;
  #over = false;

  /** `encoding`: of compressed messages, empty where none is named. `flags`: that messages may have beside that of compression. */
  constructor(scrub: Scrub, handler: BodyHandler, { encoding, flags }: { encoding: string; flags: number }) {
    this.#scrub = scrub;
    this.#stream = scrub.stream({ keepLength: true });
    this.#handler = handler;
    const codings = readCodings(encoding === '' ? null : encoding);
    this.#codings = codings === 'unreadable' ? [] : codings;
    this.#otherFlags = flags;
  }

  /** Occurrences replaced so far. */
  get replaced(): number {
    return this.#stream.replaced;
  }

  /** Values that were not known when it began are looked for too, in what comes from here on. */
  searchAlso(later: Scrub): void {
    this.#scrub = this.#scrub.and(later);
    this.#stream.searchAlso(later);
  }

  /** Takes what comes next, lent for the call. False: no more until `onDrain`. */
  push(chunk: Buffer): boolean {
    if (this.#over) return true;
    this.#put = 0;
    let at = 0;
    while (at < chunk.length && at !== -1) {
      at = this.#left === 0 ? this.#takeHeader(chunk, at) : this.#takeContent(chunk, at);
    }
    if (at === -1) return this.#fail();
    if (this.#out.length === 0 && this.#put === 0) return this.#handler.onData(chunk);
    this.#passTo(chunk, chunk.length);
    return this.#handOver();
  }

  /** Returns where to go on; -1: this is no message that can be searched. */
  #takeHeader(chunk: Buffer, start: number): number {
    const carried = this.#headerBytes;
    const end = Math.min(start + headerLength - carried, chunk.length);
    chunk.copy(this.#header, carried, start, end);
    this.#headerBytes += end - start;
    const flag = (this.#header[0] ?? plain) & ~this.#otherFlags;
    if (flag !== plain && (flag !== compressed || this.#codings.length === 0)) {
      this.#passTo(chunk, start);
      return -1;
    }
    // Only a value that somebody has cut in two goes on with anything but the flag.
    if (carried === 0 && this.#stream.heldBytes > 0) this.#out.push(this.#stream.end());
    const whole = this.#headerBytes === headerLength;
    // What is not whole yet may turn out to be replaced.
    if (!whole || carried > 0 || flag === compressed) {
      this.#passTo(chunk, start);
      this.#put = end;
    }
    if (!whole) return end;
    this.#headerBytes = 0;
    this.#left = this.#header.readUInt32BE(1);
    if (flag === compressed && this.#left > 0) {
      if (this.#left > mostCompressed) return -1;
      this.#packed = [];
    } else if (carried > 0 || flag === compressed) {
      this.#out.push(Buffer.from(this.#header));
    }
    return end;
  }

  #takeContent(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#left);
    this.#left -= end - start;
    if (this.#packed !== null) {
      this.#packed.push(Buffer.from(chunk.subarray(start, end)));
      this.#put = end;
      return this.#left > 0 || this.#unpack(this.#packed) ? end : -1;
    }
    if (!this.#stream.isClean(chunk, { start, end, last: false })) {
      this.#passTo(chunk, start);
      this.#search(chunk.subarray(start, end));
      this.#put = end;
    }
    return end;
  }

  /**
   * What is held at the end of a message may be a value's beginning, where the length is not the server's but whose
   * words it repeats. So few bytes that they are chance go on; more wait for the header of the next.
   */
  #search(piece: Buffer): void {
    this.#out.push(this.#stream.push(piece));
    if (this.#left === 0 && this.#stream.heldBytes < leastScrubbed) this.#out.push(this.#stream.end());
  }

  #unpack(pieces: readonly Buffer[]): boolean {
    this.#packed = null;
    const most = { codings: this.#codings, most: mostCompressed, keepLength: true };
    const scrubbed = scrubWhole(this.#scrub, Buffer.concat(pieces), most);
    if (typeof scrubbed === 'string') return false;
    const header = Buffer.from(this.#header);
    header.writeUInt32BE(scrubbed.bytes.length, 1);
    this.#out.push(header, scrubbed.bytes);
    return true;
  }

  #passTo(chunk: Buffer, end: number): void {
    if (this.#put < end) this.#out.push(chunk.subarray(this.#put, end));
    this.#put = end;
  }

  #handOver(): boolean {
    const out = this.#out;
    this.#out = [];
    const bytes = out.length === 1 && out[0] !== undefined ? out[0] : Buffer.concat(out);
    return bytes.length === 0 || this.#handler.onData(bytes);
  }

  #fail(): boolean {
    this.#handOver();
    this.destroy();
    this.#handler.onError('a message that cannot be searched for credentials, or none');
    return true;
  }

  /** Nothing follows. */
  end(): void {
    if (this.#over) return;
    const rest = this.#headerBytes > 0 ? this.#header.subarray(0, this.#headerBytes) : this.#stream.end();
    if (rest.length > 0) this.#handler.onData(rest);
    this.#over = true;
    this.#handler.onEnd();
  }

  /** The handler can take more again. */
  resume(): void {
    if (!this.#over) this.#handler.onDrain();
  }

  /** Nobody wants the rest. Nothing of the handler is called from here on. */
  destroy(): void {
    this.#over = true;
    this.#packed = null;
    this.#stream.destroy();
  }
}
