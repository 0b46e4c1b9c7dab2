import { randomBytes } from 'node:crypto';
import { compileScrub } from '../../src/egress/scrub/scrub.ts';
import type { Scrub } from '../../src/egress/scrub/scrub.ts';

/**
 * What it costs to look for values in what a host answers. Prints GB/s over clean chunks of 64 KB and nanoseconds for
 * one event of a stream, the median of several rounds, and milliseconds to compile.
 */
const size = 65_536;
const event = Buffer.from(
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" of"}}\n\n',
);
const item = {
  id: 17,
  name: 'a "quoted" name',
  url: 'https://example.com/a%20b?x=1&y=2',
  text: 'jumps over the lazy dog\n',
};
const json = JSON.stringify(Array.from({ length: 700 }, (_, id) => ({ ...item, id })));
const kinds: Record<string, Buffer> = {
  JSON: Buffer.from(json).subarray(0, size),
  'JSON in JSON': Buffer.from(JSON.stringify(json)).subarray(0, size),
  'random bytes': randomBytes(size),
  base64: Buffer.from(randomBytes((size / 4) * 3).toString('base64')),
};
const cases: readonly (readonly [number, number])[] = [
  [1, 8],
  [1, 20],
  [1, 40],
  [1, 108],
  [16, 40],
];

for (const [count, length] of cases) {
  const compiled = Array.from({ length: 5 }, () => compileTime(count, length)).toSorted((a, b) => a - b)[2] ?? 0;
  const scrub = compile(count, length);
  const rates = Object.entries(kinds).map(
    ([kind, chunk]) => `${kind} ${(size / median(() => push(scrub, chunk), 300)).toFixed(1)}`,
  );
  const small = median(() => push(scrub, event), 20_000).toFixed(0);
  const values = `${count} of ${length} bytes`.padEnd(16);
  process.stdout.write(
    `${values} GB/s: ${rates.join(', ')}; event ${small} ns; compiled in ${compiled.toFixed(1)} ms\n`,
  );
}

function compile(count: number, length: number): Scrub {
  const entries = Array.from({ length: count }, (_, i) => ({
    id: `${i}`,
    standIn: 's'.repeat(length),
    value: Buffer.from(randomBytes(length).toString('base64url').slice(0, length)),
  }));
  const scrub = compileScrub(entries);
  if (scrub === null) throw new Error('nothing to look for');
  return scrub;
}

function compileTime(count: number, length: number): number {
  const start = process.hrtime.bigint();
  compile(count, length);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function push(scrub: Scrub, chunk: Buffer): void {
  scrub.stream({ keepLength: true }).push(chunk);
}

/** Nanoseconds a call. */
function median(work: () => void, count: number): number {
  const rounds = Array.from({ length: 7 }, () => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < count; i++) work();
    return Number(process.hrtime.bigint() - start) / count;
  });
  return rounds.toSorted((a, b) => a - b)[3] ?? 0;
}
