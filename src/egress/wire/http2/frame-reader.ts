import { ConnectionFault } from './fault.ts';
import { errorCode, frameFlag, frameHeaderBytes, frameType, maxFrameBytes } from './protocol.ts';

/** Who is told of frames. What the frame is stands in the reader; a fault ends the reading. */
export interface FrameSink {
  /** A frame other than DATA, whole: its payload is `bytes[start, end)`. One of an unknown type comes without its payload. */
  onFrame(frame: FrameReader): ConnectionFault | null;
  /** A DATA frame begins: `length` is known, and `content`, its length without padding. */
  onDataBegin(frame: FrameReader): ConnectionFault | null;
  /** The next part of its content, `bytes[start, end)`; `last`: with this the frame is over. */
  onDataPart(frame: FrameReader, last: boolean): ConnectionFault | null;
}

const none = Buffer.alloc(0);
const step = { header: 0, payload: 1, padLength: 2, content: 3, padding: 4, skip: 5 } as const;

/**
 * Cuts a connection's bytes into frames (RFC 9113 section 4.1), however they are split over reads. Content of DATA is handed on
 * as it comes, in slices of what was read; other frames are put together where a read cut them, in 16 KB at most.
 */
export class FrameReader {
  type = 0;
  flags = 0;
  streamId = 0;
  length = 0;
  content = 0;
  /** Lent for the time of the call. */
  bytes: Buffer = none;
  start = 0;
  end = 0;
  readonly #sink: FrameSink;
  readonly #head = Buffer.alloc(frameHeaderBytes);
  #step: number = step.header;
  /** Bytes of the header, or of a payload, that are held. */
  #filled = 0;
  #held: Buffer | null = null;
  /** Bytes of what this step is about that are still to come. */
  #left = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Takes `chunk` from `from` on, which is lent: nothing of it is held afterwards. After a fault the reader is of no more use. */
  push(chunk: Buffer, from: number): ConnectionFault | null {
    const fault = this.#cut(chunk, from);
    // An idle connection would keep what it was read into, which is far more than all else that it has.
    this.bytes = none;
    return fault;
  }

  #cut(chunk: Buffer, from: number): ConnectionFault | null {
    let at = from;
    for (;;) {
      if (this.#step === step.header) {
        if (this.#filled === 0 && chunk.length - at >= frameHeaderBytes) {
          this.#readHeader(chunk, at);
          at += frameHeaderBytes;
        } else {
          const taken = chunk.copy(this.#head, this.#filled, at, at + frameHeaderBytes - this.#filled);
          this.#filled += taken;
          at += taken;
          if (this.#filled < frameHeaderBytes) return null;
          this.#readHeader(this.#head, 0);
          this.#filled = 0;
        }
        const fault = this.#begin();
        if (fault !== null) return fault;
        continue;
      }
      // An empty payload is over as soon as it begins.
      if (at === chunk.length && this.#left > 0) return null;
      const available = Math.min(this.#left, chunk.length - at);
      const fault = this.#take(chunk, at, available);
      if (fault !== null) return fault;
      at += available;
      if (at === chunk.length && this.#step === step.header) return null;
    }
  }

  #readHeader(bytes: Buffer, at: number): void {
    this.length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    this.type = bytes[at + 3] ?? 0;
    this.flags = bytes[at + 4] ?? 0;
    // "R: A reserved 1-bit field. [...] MUST be ignored when receiving."
    this.streamId =
      (((bytes[at + 5] ?? 0) & 0x7f) << 24) |
      ((bytes[at + 6] ?? 0) << 16) |
      ((bytes[at + 7] ?? 0) << 8) |
      (bytes[at + 8] ?? 0);
  }

  #begin(): ConnectionFault | null {
    const { type, length } = this;
    // RFC 9113 4.2: "An endpoint MUST send an error code of FRAME_SIZE_ERROR if a frame exceeds the size defined in
    // SETTINGS_MAX_FRAME_SIZE".
    if (length > maxFrameBytes)
      return new ConnectionFault(errorCode.frameSizeError, 'frame over 16 KiB (RFC 9113 section 4.2)');
    this.#left = length;
    if (type === frameType.data) {
      if ((this.flags & frameFlag.padded) === 0) return this.#beginContent(length);
      if (length === 0)
        return new ConnectionFault(errorCode.frameSizeError, 'DATA without its pad length (RFC 9113 section 6.1)');
      this.#step = step.padLength;
      this.#left = 1;
      return null;
    }
    if (type <= frameType.continuation) {
      this.#step = step.payload;
      return null;
    }
    this.#step = step.skip;
    this.bytes = this.#head;
    this.start = 0;
    this.end = 0;
    return this.#sink.onFrame(this);
  }

  #beginContent(content: number): ConnectionFault | null {
    this.content = content;
    this.#left = content;
    this.#step = step.content;
    return this.#sink.onDataBegin(this);
  }

  /** Takes `available` bytes at `at`, which all belong to this step; they may be none where none are left. */
  #take(chunk: Buffer, at: number, available: number): ConnectionFault | null {
    this.#left -= available;
    const done = this.#left === 0;
    switch (this.#step) {
      case step.payload:
        return this.#takePayload(chunk, at, available);
      case step.padLength: {
        const padding = chunk[at] ?? 0;
        // RFC 9113 6.1: "If the length of the padding is the length of the frame payload or greater, the recipient MUST
        // treat this as a connection error of type PROTOCOL_ERROR."
        if (padding >= this.length)
          return new ConnectionFault(errorCode.protocolError, 'padding as long as its frame (RFC 9113 section 6.1)');
        return this.#beginContent(this.length - 1 - padding);
      }
      case step.content: {
        const padding = (this.flags & frameFlag.padded) === 0 ? 0 : this.length - 1 - this.content;
        if (done) {
          this.#left = padding;
          this.#step = padding > 0 ? step.padding : step.header;
        }
        return this.#hand(chunk, { start: at, end: at + available, last: done && padding === 0 });
      }
      case step.padding:
        if (!done) return null;
        this.#step = step.header;
        return this.#hand(chunk, { start: at, end: at, last: true });
      default:
        if (done) this.#step = step.header;
        return null;
    }
  }

  #hand(bytes: Buffer, { start, end, last }: { start: number; end: number; last: boolean }): ConnectionFault | null {
    if (start === end && !last) return null;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    return this.#sink.onDataPart(this, last);
  }

  #takePayload(chunk: Buffer, at: number, available: number): ConnectionFault | null {
    if (this.#held === null && this.#left === 0) {
      this.bytes = chunk;
      this.start = at;
      this.end = at + available;
    } else {
      this.#held ??= Buffer.allocUnsafeSlow(this.length);
      chunk.copy(this.#held, this.#filled, at, at + available);
      this.#filled += available;
      if (this.#left > 0) return null;
      this.bytes = this.#held;
      this.start = 0;
      this.end = this.length;
      this.#held = null;
      this.#filled = 0;
    }
    this.#step = step.header;
    return this.#sink.onFrame(this);
  }
}
