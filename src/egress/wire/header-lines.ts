import { characterClass, fieldBit, tokenBit } from './characters.ts';
import type { HeaderLines } from './head.ts';
import { headerKind } from './known-headers.ts';
import { WireError } from './wire-error.ts';

/** More lines than any client sends; past it the head is refused. */
export const maxHeaderLines = 200;

const tab = 0x09;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const colon = 0x3a;

/**
 * Scans the header lines of a head into `lines`, each byte once; the first is at `start` of its bytes, and the empty line
 * ends at `end`. Returns what is wrong, or null.
 */
export function scanHeaderLines(lines: HeaderLines, { start, end }: { start: number; end: number }): WireError | null {
  const { bytes, base, marks, kinds } = lines;
  let at = start;
  while (at < end - 2) {
    if (kinds.length === maxHeaderLines) return new WireError(431, 'over 200 header lines (RFC 6585 section 5)');
    const lineStart = at;
    while (((characterClass[bytes[at] ?? 0] ?? 0) & tokenBit) !== 0) at++;
    if (at === lineStart || bytes[at] !== colon) return badName(bytes, lineStart, at);
    const nameEnd = at++;
    while (bytes[at] === space || bytes[at] === tab) at++;
    const valueStart = at;
    while (((characterClass[bytes[at] ?? 0] ?? 0) & fieldBit) !== 0) at++;
    if (bytes[at] !== carriageReturn || bytes[at + 1] !== lineFeed) return badLineEnd(bytes, at);
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === space || bytes[valueEnd - 1] === tab)) valueEnd--;
    const mark = kinds.length * 4;
    marks[mark] = lineStart - base;
    marks[mark + 1] = nameEnd - base;
    marks[mark + 2] = valueStart - base;
    marks[mark + 3] = valueEnd - base;
    kinds.push(headerKind(bytes, lineStart, nameEnd));
    at += 2;
  }
  lines.count = kinds.length;
  const ended = at === end - 2 && bytes[at] === carriageReturn && bytes[at + 1] === lineFeed;
  return ended ? null : new WireError(400, 'head does not end in one empty line (RFC 9112 section 2.1)');
}

function badName(buffer: Buffer, lineStart: number, at: number): WireError {
  const byte = buffer[at];
  if (at === lineStart) {
    if (byte === space || byte === tab) {
      // "A server that receives an obs-fold in a request message [...] MUST either reject the message [...]"
      return new WireError(400, 'line folding (RFC 9112 section 5.2)');
    }
    if (byte === colon) return new WireError(400, 'empty header name (RFC 9112 section 5)');
  }
  if (byte === space || byte === tab) {
    // "No whitespace is allowed between the field name and colon. [...] A server MUST reject [...] any received request
    // message that contains whitespace between a header field name and colon"
    return new WireError(400, 'blank between header name and colon (RFC 9112 section 5.1)');
  }
  if (byte === carriageReturn || byte === lineFeed) return badLineEnd(buffer, at);
  return new WireError(400, 'character in a header name that is no token character (RFC 9110 section 5.1)');
}

/** Why the line does not end at `at`, where something else than field content stands. */
export function badLineEnd(buffer: Buffer, at: number): WireError {
  const byte = buffer[at];
  // "A sender MUST NOT generate a bare CR [...] A recipient of such a bare CR MUST consider that element to be invalid"
  if (byte === carriageReturn && buffer[at + 1] !== lineFeed) {
    return new WireError(400, 'bare CR (RFC 9112 section 2.2)');
  }
  if (byte === lineFeed) return new WireError(400, 'bare LF (RFC 9112 section 2.2)');
  if (byte === carriageReturn) return new WireError(400, 'header line without a colon (RFC 9112 section 5)');
  // "Field values containing CR, LF, or NUL characters are invalid and dangerous"; other controls are invalid too.
  return new WireError(400, 'control character (RFC 9110 section 5.5)');
}
