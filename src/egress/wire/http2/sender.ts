import { floodEarning } from './flood-budget.ts';
import type { FloodBudget } from './flood-budget.ts';
import type { HeaderField } from './header-field.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { Output, putFrameHeader } from './output.ts';
import { defaultWindow, frameFlag, frameHeaderBytes, frameType, maxFrameBytes } from './protocol.ts';
import type { Http2Stream } from './stream.ts';

/** Content is taken while less than this waits to be written; a frame more then still fits the buffer. */
export const highWater = 64 * 1024;
/** A frame that a window cut down to less than this is no useful work (CVE-2019-9511, data dribble). */
const usefulFrame = 256;

const data = frameType.data * 256;
const headers = frameType.headers * 256;
const continuation = frameType.continuation * 256;

/** Everything that one connection sends: frames into one buffer, content within the peer's windows, streams in turn. */
export class Sender {
  readonly output = new Output();
  readonly encoder = new HpackEncoder();
  /** RFC 9113 section 5.2: what the peer takes on the whole connection. */
  window = defaultWindow;
  /** Called when a stream's end has left. */
  readonly #ended: (stream: Http2Stream) => void;
  /** Called when there is something to write. */
  readonly #signal: () => void;
  readonly #budget: FloodBudget;
  #firstReady: Http2Stream | null = null;
  #lastReady: Http2Stream | null = null;
  #pumping = false;

  constructor(parts: { budget: FloodBudget; ended: (stream: Http2Stream) => void; signal: () => void }) {
    this.#budget = parts.budget;
    this.#ended = parts.ended;
    this.#signal = parts.signal;
  }

  /** HEADERS, and CONTINUATION where one frame is not enough (RFC 9113 section 4.3: with nothing in between). */
  headers(streamId: number, fields: readonly HeaderField[], endStream: boolean): void {
    const { output } = this;
    const start = output.size;
    output.reserve(frameHeaderBytes);
    output.size += frameHeaderBytes;
    this.encoder.encode(fields, output);
    const length = output.size - start - frameHeaderBytes;
    const end = endStream ? frameFlag.endStream : 0;
    if (length <= maxFrameBytes) {
      const typeAndFlags = headers | frameFlag.endHeaders | end;
      putFrameHeader(output.bytes, start, { length, typeAndFlags, streamId });
    } else {
      this.#splitHeaders(start, { length, end, streamId });
    }
    this.#signal();
  }

  /** Makes room for the further frame headers, from the last to the first. */
  #splitHeaders(start: number, { length, end, streamId }: { length: number; end: number; streamId: number }): void {
    const { output } = this;
    const frames = Math.ceil(length / maxFrameBytes);
    output.reserve((frames - 1) * frameHeaderBytes);
    const { bytes } = output;
    for (let frame = frames - 1; frame >= 0; frame--) {
      const from = start + frameHeaderBytes + frame * maxFrameBytes;
      const part = Math.min(maxFrameBytes, length - frame * maxFrameBytes);
      const to = from + frame * frameHeaderBytes;
      bytes.copyWithin(to, from, from + part);
      const type = frame === 0 ? headers | end : continuation;
      const typeAndFlags = type | (frame === frames - 1 ? frameFlag.endHeaders : 0);
      putFrameHeader(bytes, to - frameHeaderBytes, { length: part, typeAndFlags, streamId });
    }
    output.size += (frames - 1) * frameHeaderBytes;
  }

  /**
   * Content of a stream. What the windows and the buffer allow is framed at once; the rest is copied and waits. False where
   * something waits: give no more until `onWritable`.
   */
  data(stream: Http2Stream, bytes: Buffer, endStream: boolean): boolean {
    const { output } = this;
    let at = 0;
    if (endStream) stream.localEnded = true;
    if (stream.queue.size === 0) {
      const { length } = bytes;
      while (at < length && output.size < highWater) {
        const part = Math.min(maxFrameBytes, length - at, stream.sendWindow, this.window);
        if (part <= 0) break;
        const last = endStream && at + part === length;
        output.frameHeader(part, data | (last ? frameFlag.endStream : 0), stream.id);
        output.copy(bytes, at, at + part);
        at += part;
        this.#sent(stream, part, at === length);
        if (last) this.#end(stream);
      }
      if (endStream && length === 0) {
        output.frameHeader(0, data | frameFlag.endStream, stream.id);
        this.#end(stream);
      }
      if (at > 0 || endStream) this.#signal();
      if (at === length) return true;
    }
    stream.queue.push(bytes, at);
    stream.waited = true;
    if (stream.sendWindow > 0) this.ready(stream);
    return false;
  }

  /** Trailers end the stream; they wait for the content before them. */
  trailers(stream: Http2Stream, fields: readonly HeaderField[]): void {
    stream.localEnded = true;
    if (stream.queue.size > 0) {
      stream.trailers = fields;
      return;
    }
    this.headers(stream.id, fields, true);
    this.#end(stream);
  }

  /** The stream has content that may be sent. */
  ready(stream: Http2Stream): void {
    if (stream.isReady) return;
    stream.isReady = true;
    stream.previousReady = this.#lastReady;
    if (this.#lastReady === null) this.#firstReady = stream;
    else this.#lastReady.nextReady = stream;
    this.#lastReady = stream;
  }

  /** Takes it out of the chain: it is its turn, or it is over. Left in, it would be held for as long as no window opens. */
  unready(stream: Http2Stream): void {
    if (!stream.isReady) return;
    const { previousReady: before, nextReady: next } = stream;
    if (before === null) this.#firstReady = next;
    else before.nextReady = next;
    if (next === null) this.#lastReady = before;
    else next.previousReady = before;
    stream.nextReady = null;
    stream.previousReady = null;
    stream.isReady = false;
  }

  get hasReady(): boolean {
    return this.#firstReady !== null && this.window > 0;
  }

  /** Frames what waits, a frame from each stream in turn, until the buffer is full, a window is used up or nothing waits. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const { output } = this;
    while (this.window > 0 && output.size < highWater) {
      const stream = this.#firstReady;
      if (stream === null) break;
      this.unready(stream);
      this.#pumpOne(stream);
    }
    this.#pumping = false;
  }

  #pumpOne(stream: Http2Stream): void {
    const { queue } = stream;
    const part = Math.min(maxFrameBytes, queue.size, stream.sendWindow, this.window);
    if (part <= 0) return;
    const { output } = this;
    const drained = part === queue.size;
    const last = drained && stream.localEnded && stream.trailers === null;
    output.frameHeader(part, data | (last ? frameFlag.endStream : 0), stream.id);
    queue.shift(part, output.bytes, output.size);
    output.size += part;
    this.#sent(stream, part, drained);
    if (!drained) {
      if (stream.sendWindow > 0) this.ready(stream);
      return;
    }
    if (stream.trailers !== null) this.headers(stream.id, stream.trailers, true);
    stream.waited = false;
    if (stream.localEnded) this.#end(stream);
    else stream.handler?.onWritable(stream);
  }

  #sent(stream: Http2Stream, part: number, whole: boolean): void {
    stream.sendWindow -= part;
    this.window -= part;
    if (whole || part >= usefulFrame) this.#budget.earn(floodEarning.dataSent);
  }

  #end(stream: Http2Stream): void {
    stream.localEnded = true;
    stream.localSent = true;
    this.#ended(stream);
  }

  /** A frame of one 32-bit number: RST_STREAM's code or WINDOW_UPDATE's increment. */
  number(type: number, streamId: number, value: number): void {
    this.output.frameHeader(4, type * 256, streamId);
    this.output.uint32(value);
    this.#signal();
  }

  /** SETTINGS. None: their acknowledgement. */
  settings(values: readonly (readonly [number, number])[] | null): void {
    const { output } = this;
    output.frameHeader((values?.length ?? 0) * 6, frameType.settings * 256 + (values === null ? frameFlag.ack : 0), 0);
    for (const [id, value] of values ?? []) {
      output.uint16(id);
      output.uint32(value);
    }
    this.#signal();
  }

  /** `opaque[at, at + 8)`. */
  ping(opaque: Buffer, at: number, ack: boolean): void {
    this.output.frameHeader(8, frameType.ping * 256 + (ack ? frameFlag.ack : 0), 0);
    this.output.copy(opaque, at, at + 8);
    this.#signal();
  }

  goaway(lastStreamId: number, code: number, reason: string): void {
    const { output } = this;
    const debug = Buffer.from(reason, 'latin1');
    output.frameHeader(8 + debug.length, frameType.goaway * 256, 0);
    output.uint32(lastStreamId);
    output.uint32(code);
    output.copy(debug, 0, debug.length);
    this.#signal();
  }
}
