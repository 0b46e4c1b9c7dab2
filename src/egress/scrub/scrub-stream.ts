import type { Finding, Matcher } from './matcher.ts';
import type { Scrub } from './scrub.ts';
import { changesAlignment, fitTo, replace } from './replacement.ts';
import type { Replacement } from './replacement.ts';
import type { Suspended } from './states.ts';
import { readRunEnd, runGoesOn } from './run-end.ts';
import type { RunEnd } from './run-end.ts';

export interface ScrubStreamOptions {
  /**
   * What comes out is as long as what went in: a stand-in that does not fit its place is cut, or filled with `x`. For
   * content whose length has been announced.
   */
  readonly keepLength?: boolean;
}

const nothing = Buffer.alloc(0);

/** One body, message or line on its way to the sandbox. */
export class ScrubStream {
  #replaced = 0;
  readonly #replacedIds = new Set<string>();
  readonly #matcher: Matcher;
  readonly #keepLength: boolean;
  #held: Buffer = nothing;
  /** How far what is held has been read already. */
  #suspended: Suspended | null = null;
  /** What else is looked for, in what this leaves. */
  #after: ScrubStream | null = null;
  /** What another before it had held, which is to be searched by that. */
  #left: Buffer = nothing;

  constructor(matcher: Matcher, { keepLength = false }: ScrubStreamOptions = {}) {
    this.#matcher = matcher;
    this.#keepLength = keepLength;
  }

  /** From here on values are looked for that were not known when it began, in place of any that were added before. */
  searchAlso(later: Scrub): void {
    if (this.#after !== null) {
      this.#left = Buffer.concat([this.#left, this.#after.end()]);
      this.#replaced += this.#after.replaced;
      for (const id of this.#after.replacedIds) this.#replacedIds.add(id);
    }
    this.#after = later.stream({ keepLength: this.#keepLength });
  }

  /** Occurrences replaced so far. */
  get replaced(): number {
    return this.#replaced + (this.#after?.replaced ?? 0);
  }

  /** The entries that they were of. */
  get replacedIds(): ReadonlySet<string> {
    return this.#after === null ? this.#replacedIds : this.#replacedIds.union(this.#after.replacedIds);
  }

  /** Bytes that wait for what follows: the beginning of a value in some encoding. */
  get heldBytes(): number {
    return this.#held.length + this.#left.length + (this.#after?.heldBytes ?? 0);
  }

  /** Whether `bytes[start, end)`, coming next, would go on as they are and at once: nothing is held. Nothing is taken. */
  isClean(bytes: Buffer, place: { start: number; end: number; last: boolean }): boolean {
    const { start, end, last } = place;
    if (this.#held.length > 0 || this.#left.length > 0) return false;
    if (this.#matcher.find(bytes, start, { end, last }) !== null) return false;
    return this.#after === null || this.#after.isClean(bytes, place);
  }

  /**
   * Takes what comes next and returns what may go on. The chunk is lent for the call; so is the result, which is the
   * chunk itself where it is clean.
   */
  push(chunk: Buffer): Buffer {
    const clean = this.#push(chunk);
    return this.#after === null ? clean : this.#after.push(this.#withLeft(clean));
  }

  #push(chunk: Buffer): Buffer {
    if (this.#held.length === 0) return this.#scrub(chunk, { last: false, read: 0 });
    const held = this.#held;
    const joined = Buffer.concat([held, chunk]);
    held.fill(0);
    this.#held = nothing;
    return this.#scrub(joined, { last: false, read: held.length });
  }

  #withLeft(bytes: Buffer): Buffer {
    if (this.#left.length === 0) return bytes;
    const joined = Buffer.concat([this.#left, bytes]);
    this.#left = nothing;
    return joined;
  }

  /** Nothing follows. Returns what was held. */
  end(): Buffer {
    const held = this.#held;
    this.#held = nothing;
    const rest = held.length === 0 ? held : this.#scrub(held, { last: true, read: held.length });
    if (this.#after === null) return rest;
    return Buffer.concat([this.#after.push(this.#withLeft(rest)), this.#after.end()]);
  }

  /** Forgets what is held. */
  destroy(): void {
    this.#held.fill(0);
    this.#held = nothing;
    this.#suspended = null;
    this.#left = nothing;
    this.#after?.destroy();
  }

  /** `read`: so many bytes of the input were held, and have been read before. */
  #scrub(input: Buffer, { last, read }: { last: boolean; read: number }): Buffer {
    const { length } = input;
    const resumed = this.#suspended === null ? null : { suspended: this.#suspended, at: read };
    this.#suspended = null;
    let finding = this.#matcher.find(input, 0, { end: length, last, resumed });
    if (finding === null) return input;
    let bytes = input;
    const out: Buffer[] = [];
    let at = 0;
    while (finding !== null) {
      const runEnd = this.#runEndOf(finding, bytes, last);
      if (finding.pattern === null || runEnd === null) {
        this.#held = Buffer.from(bytes.subarray(finding.start));
        this.#suspended = finding.suspended;
        break;
      }
      // What was lent is not written to.
      if (bytes === input) bytes = Buffer.from(input);
      out.push(bytes.subarray(at, finding.start));
      const { pattern, start } = finding;
      const taken = finding.end + runEnd.paddingBytes;
      const replacement = replace({ pattern, bytes, start, end: finding.end }, runEnd);
      at = this.#put(replacement, { out, bytes, start, taken });
      this.#replaced++;
      this.#replacedIds.add(pattern.id);
      finding = this.#matcher.find(bytes, at, { end: length, last });
    }
    const clean = bytes.subarray(at, length - this.#held.length);
    return out.length === 0 ? clean : Buffer.concat([...out, clean]);
  }

  #runEndOf({ pattern, end }: Finding, bytes: Buffer, last: boolean): RunEnd | null {
    // Where the number of bytes in the run stays, nothing has to be known of what follows.
    if (pattern === null || this.#keepLength || !changesAlignment(pattern)) return runGoesOn;
    return readRunEnd(bytes, end, { end: bytes.length, last });
  }

  /** Returns where to go on: at the shared character, which is put back, or behind what was taken. */
  #put(
    { units, shared }: Replacement,
    { out, bytes, start, taken }: { out: Buffer[]; bytes: Buffer; start: number; taken: number },
  ): number {
    const next = taken - (shared?.length ?? 0);
    if (shared !== null) bytes.write(shared, next, 'latin1');
    out.push(Buffer.from(this.#keepLength ? fitTo(units, next - start) : units.join(''), 'latin1'));
    return next;
  }
}
