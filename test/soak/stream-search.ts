import { closeSync, openSync, readSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Pattern } from './marks.ts';

/** A pattern that was found: evidence, for the report. */
export interface Hit {
  /** Name of the pattern. */
  form: string;
  /** Of its first byte, from the beginning of what was searched. */
  offset: number;
  /** What stood around it, as far as it had come, as a JSON string. */
  around: string;
}

const shownBefore = 120;
const shownAfter = 200;

/** Finds patterns in bytes that come piece by piece, wherever they are split; keeps no more than the longest one. */
export class StreamSearch {
  readonly #patterns: readonly Pattern[];
  readonly #overlap: number;
  #carry: Buffer = Buffer.alloc(0);
  #consumed = 0;

  constructor(patterns: readonly Pattern[]) {
    this.#patterns = patterns;
    this.#overlap = Math.max(...patterns.map(({ bytes }) => bytes.length)) - 1;
  }

  /** Bytes that were searched. */
  get bytes(): number {
    return this.#consumed;
  }

  /** Every occurrence that ends in this piece. */
  push(piece: Buffer): Hit[] {
    const carried = this.#carry.length;
    const text = carried === 0 ? piece : Buffer.concat([this.#carry, piece]);
    const hits: Hit[] = [];
    for (const { name, bytes } of this.#patterns) {
      // One that lies wholly in what was carried was found before.
      let at = text.indexOf(bytes, Math.max(0, carried - bytes.length + 1));
      for (; at !== -1; at = text.indexOf(bytes, at + 1)) {
        const around = text.subarray(Math.max(0, at - shownBefore), at + shownAfter).toString('latin1');
        hits.push({ form: name, offset: this.#consumed - carried + at, around: JSON.stringify(around) });
      }
    }
    this.#consumed += piece.length;
    this.#carry = text.subarray(Math.max(0, text.length - this.#overlap));
    return hits;
  }
}

/** What a search of files came to. */
export interface FilesSearched {
  files: number;
  bytes: number;
  hits: { path: string; hit: Hit }[];
}

/** Searches every file of a directory and below; sockets and what vanishes meanwhile are passed over. */
export function searchTree(directory: string, patterns: readonly Pattern[]): FilesSearched {
  const found: FilesSearched = { files: 0, bytes: 0, hits: [] };
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const search = new StreamSearch(patterns);
    for (const piece of piecesOfFile(path)) {
      for (const hit of search.push(piece)) found.hits.push({ path, hit });
    }
    found.files += 1;
    found.bytes += search.bytes;
  }
  return found;
}

/** The file's bytes, 1 MiB at a time; none where it is gone. */
function* piecesOfFile(path: string): Generator<Buffer> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  try {
    for (;;) {
      const piece = Buffer.alloc(1 << 20);
      const length = readSync(file, piece);
      if (length === 0) return;
      yield piece.subarray(0, length);
    }
  } finally {
    closeSync(file);
  }
}
