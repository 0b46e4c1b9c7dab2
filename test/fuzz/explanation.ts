import { Buffer } from 'node:buffer';
import type { OurMessage } from './our-reader.ts';

/**
 * Why we pass on what another reader refuses. Nothing is waved through: `rewrite` takes exactly that out of the case, and both
 * must then read all of the rest alike. `explanations.test.ts` shows each to be right.
 */
export interface Explanation {
  name: string;
  /** The sentence by which we are right. */
  rfc: string;
  /** What is said of the disagreement. */
  error: RegExp;
  /** The bytes without it, or null where the message that the other stopped at has none of it. */
  rewrite: (bytes: Buffer, place: Place) => Buffer | null;
}

/** Where the other stopped. */
export interface Place {
  /** All that we read of the connection. */
  messages: readonly OurMessage[];
  index: number;
}

/** `bytes` with latin1 `text` instead of what stands from `start` to `end`. */
export function splice(bytes: Buffer, { start, end, text }: { start: number; end: number; text: string }): Buffer {
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(text, 'latin1'), bytes.subarray(end)]);
}
