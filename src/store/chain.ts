import { hash } from 'node:crypto';
import type { AuditSegment } from '../audit-rows.ts';

/**
 * The hash chain of the audit trail: each segment's hash covers all that is kept of it and the hash of the segment
 * before, so that what is edited, taken out or put in later shows. The bytes are written down in docs/adr/0029; they
 * never change, since every hash that is kept rests on them.
 */

/** What is kept of a segment, and hashed. */
export interface ChainedSegment {
  firstId: number;
  lastId: number;
  teamId: string | null;
  sandboxId: string | null;
  traits: number;
  /** JSON: an array of ids. */
  secretIds: string;
  /** JSON: an array of rows. */
  rows: string;
}

/** The hash before the first segment. */
export const chainStart: Uint8Array = new Uint8Array(32);

const version = 1;
const fixedBytes = 1 + 32 + 8 + 8 + 4;
/** The length of what is not there. */
const absent = 0xffff_ffff;

/** Written anew for each segment, and grown to the largest: one at a time is hashed in a thread. */
let scratch = Buffer.allocUnsafe(64 * 1024);

/** SHA-256 (32 bytes) over `previous`, the hash of the segment before, and this segment. */
export function segmentHash(previous: Uint8Array, segment: ChainedSegment): Uint8Array {
  if (previous.length !== 32) throw new TypeError('the hash of the segment before must have 32 bytes');
  const { teamId, sandboxId, secretIds, rows } = segment;
  // A UTF-16 unit becomes three bytes at most.
  const most = fixedBytes + 16 + 3 * (textSize(teamId) + textSize(sandboxId) + secretIds.length + rows.length);
  if (scratch.length < most) scratch = Buffer.allocUnsafe(most);
  scratch[0] = version;
  scratch.set(previous, 1);
  writeInteger(segment.firstId, 33);
  writeInteger(segment.lastId, 41);
  scratch.writeUInt32BE(segment.traits, 49);
  let end = fixedBytes;
  end = writeText(teamId, end);
  end = writeText(sandboxId, end);
  end = writeText(secretIds, end);
  end = writeText(rows, end);
  return hash('sha256', scratch.subarray(0, end), 'buffer');
}

function textSize(text: string | null): number {
  return text === null ? 0 : text.length;
}

/** Eight bytes, the highest first. */
function writeInteger(value: number, at: number): void {
  scratch.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  scratch.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

/** The length in bytes, four of them, then the text as UTF-8. */
function writeText(text: string | null, at: number): number {
  if (text === null) return scratch.writeUInt32BE(absent, at);
  const length = scratch.write(text, at + 4, 'utf8');
  scratch.writeUInt32BE(length, at);
  return at + 4 + length;
}

/** Where the chain ends: the last event's id, and the hash of the last segment. */
export interface ChainHead {
  lastId: number;
  hash: Uint8Array;
}

export interface LinkedSegment extends ChainedSegment {
  hash: Uint8Array;
}

/** Numbers and chains segments after `head`. TypeError for one whose count is none. */
export function linkSegments(head: ChainHead, segments: readonly AuditSegment[]): LinkedSegment[] {
  let { lastId, hash: previous } = head;
  return segments.map(({ teamId, sandboxId, secretIds, count, traits, rows }) => {
    if (!Number.isSafeInteger(count) || count < 1) throw new TypeError('a segment must have at least one event');
    const firstId = lastId + 1;
    lastId += count;
    const segment = { firstId, lastId, teamId, sandboxId, traits, secretIds: JSON.stringify(secretIds), rows };
    previous = segmentHash(previous, segment);
    return { ...segment, hash: previous };
  });
}
