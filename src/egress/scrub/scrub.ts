import type { ScrubEntry } from './forms.ts';
import { Matcher } from './matcher.ts';
import { patternsOf } from './patterns.ts';
import type { Pattern } from './patterns.ts';
import { misreadings } from './readings.ts';
import { ScrubStream } from './scrub-stream.ts';
import type { ScrubStreamOptions } from './scrub-stream.ts';
import type { WindowFilter } from './window-filter.ts';

/** Shorter values are not looked for: too much would be taken for one of them. In bytes. */
export const leastScrubbed = 8;

type FilterOf = (patterns: readonly Pattern[]) => WindowFilter;

/** What is put in place of the values of one sandbox at one host. Compiled once, used for every answer of that host. */
export class Scrub {
  /** Every stand-in is as long as its value: a stream that keeps the length then gives whole stand-ins back. */
  readonly sameLength: boolean;
  readonly #matcher: Matcher;
  readonly #after: Scrub | null;

  /** `after`: what is looked for in what this leaves. */
  constructor(matcher: Matcher, sameLength: boolean, after: Scrub | null = null) {
    this.#matcher = matcher;
    this.sameLength = sameLength;
    this.#after = after;
  }

  /** The same, and what `later` looks for, in place of any that was added before. */
  and(later: Scrub): Scrub {
    return new Scrub(this.#matcher, this.sameLength && later.sameLength, later);
  }

  stream(options?: ScrubStreamOptions): ScrubStream {
    const stream = new ScrubStream(this.#matcher, options);
    if (this.#after !== null) stream.searchAlso(this.#after);
    return stream;
  }

  /** Whether `bytes[start, end)`, which are whole, hold none of the values. */
  isClean(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    return (
      this.#matcher.find(bytes, start, { end, last: true }) === null &&
      (this.#after === null || this.#after.isClean(bytes, start, end))
    );
  }

  /** `bytes`, which are whole, without the values: the same object where they hold none. */
  bytes(bytes: Buffer, options?: ScrubStreamOptions): Buffer {
    return this.isClean(bytes) ? bytes : this.#whole(bytes, options);
  }

  /** `text`, latin1 as header lines are, without the values. */
  text(text: string): string {
    const bytes = Buffer.from(text, 'latin1');
    return this.isClean(bytes) ? text : this.#whole(bytes).toString('latin1');
  }

  #whole(bytes: Buffer, options?: ScrubStreamOptions): Buffer {
    const stream = this.stream(options);
    return Buffer.concat([stream.push(bytes), stream.end()]);
  }

  /** Overwrites what was compiled of the values. Streams made of it throw at their next push. */
  wipe(): void {
    this.#matcher.wipe();
  }
}

/** Null: there is nothing to look for, since no value is long enough. `filterOf`: for a filter that others may have made. */
export function compileScrub(entries: readonly ScrubEntry[], filterOf?: FilterOf): Scrub | null {
  const long = entries.filter(isLong);
  if (long.length === 0) return null;
  const misread = long.flatMap(misreadings);
  const all = [...long, ...misread].filter(isLong);
  const sameLength = all.every(({ standIn, value }) => Buffer.byteLength(standIn) === value.length);
  const patterns = all.flatMap(patternsOf);
  for (const { value } of misread) value.fill(0);
  return new Scrub(new Matcher(patterns, filterOf?.(patterns)), sameLength);
}

function isLong({ value }: ScrubEntry): boolean {
  return value.length >= leastScrubbed;
}
