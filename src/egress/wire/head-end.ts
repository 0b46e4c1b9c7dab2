import { HeadTooLarge, WireError } from './wire-error.ts';

/** What a start line and its header lines may take together, bytes; of requests, where nobody set it otherwise. */
export const maxHeadBytes = 64 * 1024;

const blankLine = Buffer.from('\r\n\r\n', 'latin1');
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * Where the head that begins at `start` ends: the index after its empty line, or -1 where that has not come yet. `searched`:
 * so many bytes of this head were looked at before, and it did not end in them. A WireError (431) for a head past `limit`
 * bytes, and (400) as soon as a line ends in a bare LF: such a head might never show an empty line of ours while the next
 * hop sees one.
 */
export function findHeadEnd(
  buffer: Buffer,
  start: number,
  { limit = maxHeadBytes, searched = 0 }: { limit?: number; searched?: number } = {},
): number | WireError {
  // An empty line, or a line end, may lie across what was looked at.
  const from = start + Math.max(0, searched - 3);
  const found = buffer.indexOf(blankLine, from);
  if ((found === -1 ? buffer.length : found + 4) - start > limit) return new HeadTooLarge(limit);
  if (found !== -1) return found + 4;
  for (let at = buffer.indexOf(lineFeed, from); at !== -1; at = buffer.indexOf(lineFeed, at + 1)) {
    if (at === start || buffer[at - 1] !== carriageReturn) return new WireError(400, 'bare LF (RFC 9112 section 2.2)');
  }
  return -1;
}
