import { findHeadEnd } from './head-end.ts';
import { HeaderLines } from './head.ts';
import { scanHeaderLines } from './header-lines.ts';
import { knownHeader } from './known-headers.ts';
import { WireError } from './wire-error.ts';

const maxTrailerBytes = 8 * 1024;

/**
 * RFC 9110 6.5.1: "Many fields cannot be processed outside the header section [...] Trailer fields [...] such as those
 * that are used for message framing, routing, authentication, request modifiers, response controls, or content format."
 */
const headerOnly = new Set([
  'authorization',
  'cache-control',
  'content-encoding',
  'content-range',
  'content-type',
  'cookie',
  'range',
  'set-cookie',
  'trailer',
  'www-authenticate',
]);

/**
 * Judges the trailer section of a chunked message as far as it has come: the index after its empty line, or -1 where
 * that is still to come, or what is wrong with it.
 */
export function readTrailers(bytes: Buffer): number | WireError {
  const end = findHeadEnd(bytes, 0);
  if (end instanceof WireError) return end;
  if ((end === -1 ? bytes.length : end) > maxTrailerBytes) {
    return new WireError(400, 'trailers over 8 KiB (RFC 9110 section 6.5)');
  }
  if (end === -1) return -1;
  const lines = trailerLines(bytes.subarray(0, end));
  if (lines instanceof WireError) return lines;
  for (let line = 0; line < lines.count; line++) {
    if (lines.kinds[line] !== knownHeader.other || headerOnly.has(lines.name(line).toLowerCase())) {
      return new WireError(400, 'trailer field that belongs into the head (RFC 9110 section 6.5.1)');
    }
  }
  return end;
}

/** The fields of a whole trailer section. */
export function trailerLines(trailers: Buffer): HeaderLines | WireError {
  const lines = new HeaderLines(trailers, 0, trailers.length);
  return scanHeaderLines(lines, { start: 0, end: trailers.length }) ?? lines;
}
