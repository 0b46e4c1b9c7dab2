import { ConnectionFault } from './fault.ts';
import { errorCode } from './protocol.ts';

/** A frame may have 16 KB; whose have less than this on an average sends tiny ones (CVE-2024-27316). */
const leastFrame = 4096;
const leastContinuations = 16;
const none = Buffer.alloc(0);

/** A header block that comes in several frames (RFC 9113 section 6.10). Nothing may come in between. */
export class BlockBuffer {
  /** The stream whose block is under way; 0: none. */
  streamId = 0;
  flags = 0;
  bytes: Buffer = none;
  size = 0;
  #continuations = 0;
  readonly #limit: number;
  readonly #maxContinuations: number;

  /** `limit`: of a block in its encoded form, which is no longer than the list that it may decode to. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#maxContinuations = Math.max(leastContinuations, Math.ceil(limit / leastFrame));
  }

  begin(streamId: number, flags: number): void {
    this.streamId = streamId;
    this.flags = flags;
    this.#continuations = 0;
  }

  /** Takes `source[start, end)`. */
  add(source: Buffer, start: number, end: number): ConnectionFault | null {
    const needed = this.size + end - start;
    if (needed > this.#limit || ++this.#continuations > this.#maxContinuations + 1) {
      return new ConnectionFault(
        errorCode.enhanceYourCalm,
        `header block over ${this.#limit} bytes or ${this.#maxContinuations + 1} frames (RFC 9113 section 10.5.1)`,
      );
    }
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#limit, this.bytes.length * 2)));
      this.bytes.copy(grown, 0, 0, this.size);
      this.bytes = grown;
    }
    source.copy(this.bytes, this.size, start, end);
    this.size = needed;
    return null;
  }

  end(): void {
    this.streamId = 0;
    this.size = 0;
    this.bytes = none;
  }
}
