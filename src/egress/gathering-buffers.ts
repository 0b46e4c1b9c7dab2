import { Buffer } from 'node:buffer';

/** After a pause was asked for at 64 KB, a read that had begun may still bring its 64 KB, and a record more. */
export const gatheringBytes = 160 * 1024;
/** Buffers kept for the next connection that needs one. */
const maxSpare = 128;
const spare: Buffer[] = [];

/**
 * A buffer of `gatheringBytes` to copy lent bytes into. Given back and used again: at hundreds of megabytes a second, new ones
 * would have V8 collect its whole heap several times a second, since what lies outside of the heap counts for it.
 */
export function takeGatheringBuffer(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(gatheringBytes);
}

/** Nobody may look at `buffer` any more. One of another length is left to the garbage collector. */
export function giveGatheringBuffer(buffer: Buffer): void {
  if (buffer.length === gatheringBytes && spare.length < maxSpare) spare.push(buffer);
}
