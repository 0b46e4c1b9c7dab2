import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FuzzCase } from './fuzz-case.ts';

/** Every case that readers once disagreed about, smallest form: they stay. */
export const corpusFolder = fileURLToPath(new URL('corpus', import.meta.url));

interface StoredCase extends Omit<FuzzCase, 'bytes'> {
  /** What was wrong. */
  kind: string;
  /** latin1. */
  bytes: string;
}

/** Writes a case and returns the path of its file, which its bytes name. */
export function storeCase(fuzzed: FuzzCase, kind: string, folder: string = corpusFolder): string {
  const { side, methods, cuts, bytes } = fuzzed;
  const stored: StoredCase = { kind, side, methods, cuts, bytes: bytes.toString('latin1') };
  const words = kind.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${words.slice(0, 50).replace(/-$/, '')}-${hash}.json`);
  writeFileSync(path, `${JSON.stringify(stored, null, 2)}\n`);
  return path;
}

export function readCorpus(folder: string = corpusFolder): { file: string; kind: string; fuzzed: FuzzCase }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => {
      const { kind, bytes, ...rest }: StoredCase = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      return { file, kind, fuzzed: { ...rest, bytes: Buffer.from(bytes, 'latin1') } };
    });
}
