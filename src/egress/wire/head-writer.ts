import { Buffer } from 'node:buffer';
import type { HeaderLines } from './head.ts';

/** Text is latin1, one byte a character; a Buffer is for what must not become a string. */
export type Piece = string | Buffer;

export interface HeadEdit {
  /** Instead of the start line, without its CRLF. */
  startLine?: readonly Piece[] | undefined;
  /** Whether to leave out a header line. */
  drop: (line: number) => boolean;
  /** Header lines, each with its CRLF, to write where the line of that index begins (`count`: after the last one). */
  insert?: readonly Insertion[] | undefined;
  /** Written right after the head: both then leave in one packet. */
  body?: Buffer | undefined;
}

export interface Insertion {
  readonly line: number;
  readonly pieces: readonly Piece[];
}

const noInsertions: readonly Insertion[] = [];

/** The head again, byte for byte but for what `edit` says: case, order and blanks of the other lines stay. */
export function rewriteHead(lines: HeaderLines, { startLine, drop, insert = noInsertions, body }: HeadEdit): Buffer {
  const { bytes, base, count } = lines;
  const length = lines.text.length;
  let room = length + (startLine === undefined ? 0 : lengthOf(startLine) + 2) + (body === undefined ? 0 : body.length);
  for (const { pieces } of insert) room += lengthOf(pieces);
  const out = Buffer.allocUnsafe(room);
  let at = 0;
  let keptFrom = 0;
  if (startLine !== undefined) {
    at = write(startLine, out, at);
    at += out.write('\r\n', at, 'latin1');
    keptFrom = lines.lineStart(0);
  }
  for (let line = 0; line <= count; line++) {
    const lineStart = lines.lineStart(line);
    for (const each of insert) {
      if (each.line !== line) continue;
      at += bytes.copy(out, at, base + keptFrom, base + lineStart);
      keptFrom = lineStart;
      at = write(each.pieces, out, at);
    }
    if (line === count || !drop(line)) continue;
    at += bytes.copy(out, at, base + keptFrom, base + lineStart);
    keptFrom = lines.lineEnd(line);
  }
  at += bytes.copy(out, at, base + keptFrom, base + length);
  if (body !== undefined) at += body.copy(out, at);
  return at === room ? out : out.subarray(0, at);
}

function lengthOf(pieces: readonly Piece[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}

/** Returns the index after what was written. */
function write(pieces: readonly Piece[], out: Buffer, start: number): number {
  let at = start;
  for (const piece of pieces) at += typeof piece === 'string' ? out.write(piece, at, 'latin1') : piece.copy(out, at);
  return at;
}
