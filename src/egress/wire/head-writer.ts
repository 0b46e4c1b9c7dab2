import type { HeaderLines } from './head.ts';

/** Text is latin1, one byte a character; a Buffer is for what must not become a string. */
export type Piece = string | Buffer;

export interface HeadEdit {
  /** Instead of the start line, without its CRLF. */
  startLine?: readonly Piece[] | undefined;
  /** Whether to leave out a header line. */
  drop: (line: number) => boolean;
  /** Header lines, each with its CRLF, to write where the line of that index begins (`count`: after the last one). */
  insert?: ReadonlyMap<number, readonly Piece[]>;
  /** Written right after the head: both then leave in one packet. */
  body?: Buffer | undefined;
}

/** The head again, byte for byte but for what `edit` says: case, order and blanks of the other lines stay. */
export function rewriteHead(lines: HeaderLines, { startLine, drop, insert, body }: HeadEdit): Buffer {
  const { text } = lines;
  const pieces: Piece[] = [];
  let keptFrom = 0;
  if (startLine !== undefined) {
    pieces.push(...startLine, '\r\n');
    keptFrom = lines.lineStart(0);
  }
  for (let line = 0; line <= lines.count; line++) {
    const added = insert?.get(line);
    const dropped = line < lines.count && drop(line);
    if (added === undefined && !dropped) continue;
    const lineStart = lines.lineStart(line);
    if (lineStart > keptFrom) pieces.push(text.slice(keptFrom, lineStart));
    if (added !== undefined) pieces.push(...added);
    keptFrom = dropped ? lines.lineEnd(line) : lineStart;
  }
  pieces.push(text.slice(keptFrom));
  if (body !== undefined) pieces.push(body);
  return joinPieces(pieces);
}

/** The pieces in one Buffer, by one allocation. */
function joinPieces(pieces: readonly Piece[]): Buffer {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') out.write(piece, at, 'latin1');
    else out.set(piece, at);
    at += piece.length;
  }
  return out;
}
