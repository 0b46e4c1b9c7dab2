import { Buffer } from 'node:buffer';
import type { Http2Connection } from './wire/http2/connection.ts';
import { trailerFields } from './wire/http2/outgoing-fields.ts';
import type { Http2Stream } from './wire/http2/stream.ts';
import { trailerLines } from './wire/trailers.ts';
import { WireError } from './wire/wire-error.ts';

const nothing = Buffer.alloc(0);

/** Content that came on a stream: while it is not wanted, its room is not given back, so that the peer soon sends no more. */
export class StreamIntake {
  readonly #http2: Http2Connection;
  #paused = false;
  #unconsumed = 0;

  constructor(http2: Http2Connection) {
    this.#http2 = http2;
  }

  /** So many bytes were handed on. */
  took(stream: Http2Stream, count: number): void {
    if (this.#paused) this.#unconsumed += count;
    else this.#http2.consume(stream, count);
  }

  pause(): void {
    this.#paused = true;
  }

  /** Null: no stream was opened. */
  resume(stream: Http2Stream | null): void {
    if (!this.#paused) return;
    this.#paused = false;
    const count = this.#unconsumed;
    this.#unconsumed = 0;
    if (count > 0 && stream !== null) this.#http2.consume(stream, count);
  }
}

/** Ends our side of a stream. `trailers`: as HTTP/1.1 has them, their lines and the empty line; null: none. */
export function finishStream(http2: Http2Connection, stream: Http2Stream, trailers: Buffer | null): void {
  const lines = trailers === null ? null : trailerLines(trailers);
  if (lines === null || lines instanceof WireError || lines.count === 0) http2.sendData(stream, nothing, true);
  else http2.sendTrailers(stream, trailerFields(lines));
}
