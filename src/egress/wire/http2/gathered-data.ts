import { Buffer } from 'node:buffer';
import type { Http2Stream } from './stream.ts';

/** From here on a part costs no more by itself than joined to others. */
const largePart = 1024;
const nothing = Buffer.alloc(0);

/**
 * Small parts of content that came in one read, joined by stream: what is handed on makes a write each time, and a read may
 * hold thousands of frames. The parts are slices of what was read, so all of it is handed over before that read is done with,
 * and before any frame of another kind is looked at.
 */
export class GatheredData {
  readonly #streams: Http2Stream[] = [];

  /** `part` comes next on the stream; `endStream`: with it the content is over. */
  add(stream: Http2Stream, part: Buffer, endStream: boolean): void {
    if (stream.parts.length === 0) {
      if (endStream || part.length >= largePart) {
        stream.handler?.onData(stream, part, endStream);
        return;
      }
      this.#streams.push(stream);
    }
    stream.parts.push(part);
    if (endStream || part.length >= largePart) this.deliver(stream, endStream);
  }

  /** Hands over what waits of one stream. */
  deliver(stream: Http2Stream, endStream = false): void {
    if (stream.parts.length === 0) return;
    const parts = stream.parts.splice(0);
    const content = parts.length === 1 ? (parts[0] ?? nothing) : Buffer.concat(parts);
    stream.handler?.onData(stream, content, endStream);
  }

  /** Hands over all that waits. */
  deliverAll(): void {
    if (this.#streams.length === 0) return;
    for (const stream of this.#streams.splice(0)) this.deliver(stream);
  }
}
