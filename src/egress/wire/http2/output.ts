import { frameHeaderBytes } from './protocol.ts';

/** What gathers until the writer is asked to wait; a frame that was begun below it still fits. */
const capacity = 96 * 1024;
/** Buffers kept for the next connection that has something to say. */
const maxSpare = 32;
const spare: Buffer[] = [];
const none = Buffer.alloc(0);

/** The bytes that one connection has to write next, in one piece. It holds a buffer only while there are any. */
export class Output {
  bytes: Buffer = none;
  size = 0;
  /** Something in it is a credential: it is overwritten as soon as it has been written. */
  secret = false;

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.size + count <= this.bytes.length) return;
    if (this.bytes.length === 0 && count <= capacity) {
      this.bytes = spare.pop() ?? Buffer.allocUnsafeSlow(capacity);
      return;
    }
    const grown = Buffer.allocUnsafeSlow(Math.max(this.size + count, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.size);
    this.#giveBack();
    this.bytes = grown;
  }

  frameHeader(length: number, typeAndFlags: number, streamId: number): void {
    this.reserve(frameHeaderBytes + length);
    putFrameHeader(this.bytes, this.size, { length, typeAndFlags, streamId });
    this.size += frameHeaderBytes;
  }

  uint32(value: number): void {
    const { bytes, size } = this;
    bytes[size] = value >>> 24;
    bytes[size + 1] = value >>> 16;
    bytes[size + 2] = value >>> 8;
    bytes[size + 3] = value;
    this.size = size + 4;
  }

  uint16(value: number): void {
    const { bytes, size } = this;
    bytes[size] = value >>> 8;
    bytes[size + 1] = value;
    this.size = size + 2;
  }

  /** `source[start, end)`, for which there is room. */
  copy(source: Buffer, start: number, end: number): void {
    source.copy(this.bytes, this.size, start, end);
    this.size += end - start;
  }

  /** All of it has been written. */
  clear(): void {
    this.#giveBack();
    this.bytes = none;
    this.size = 0;
    this.secret = false;
  }

  #giveBack(): void {
    if (this.secret) this.bytes.fill(0, 0, this.size);
    if (this.bytes.length === capacity && spare.length < maxSpare) spare.push(this.bytes);
  }
}

/** RFC 9113 section 4.1. `typeAndFlags`: the type times 256, and the flags. */
export function putFrameHeader(
  bytes: Buffer,
  at: number,
  { length, typeAndFlags, streamId }: { length: number; typeAndFlags: number; streamId: number },
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = typeAndFlags >>> 8;
  bytes[at + 4] = typeAndFlags;
  bytes[at + 5] = streamId >>> 24;
  bytes[at + 6] = streamId >>> 16;
  bytes[at + 7] = streamId >>> 8;
  bytes[at + 8] = streamId;
}
