import { WireError } from './wire-error.ts';

/** What a start line and its header lines may take together, bytes. */
export const maxHeadBytes = 64 * 1024;

const blankLine = Buffer.from('\r\n\r\n', 'latin1');
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * Where the head that begins at `start` ends: the index after its empty line, or -1 where that has not come yet.
 * `[start, end)` is what has been read. A WireError (431) for a head past {@link maxHeadBytes}, and (400) as soon as a
 * line ends in a bare LF: such a head might never show an empty line of ours while the next hop sees one.
 */
export function findHeadEnd(buffer: Buffer, start: number, end: number): number | WireError {
  const found = buffer.indexOf(blankLine, start);
  const after = found === -1 || found + 4 > end ? -1 : found + 4;
  if ((after === -1 ? end : after) - start > maxHeadBytes)
    return new WireError(431, 'head over 64 KiB (RFC 6585 section 5)');
  if (after !== -1) return after;
  for (let at = buffer.indexOf(lineFeed, start); at !== -1 && at < end; at = buffer.indexOf(lineFeed, at + 1)) {
    if (at === start || buffer[at - 1] !== carriageReturn) return new WireError(400, 'bare LF (RFC 9112 section 2.2)');
  }
  return -1;
}
