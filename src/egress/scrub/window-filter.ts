import { join, windowLength } from './pattern-symbol.ts';
import type { PatternSymbol } from './pattern-symbol.ts';
import { symbolAt } from './patterns.ts';
import type { Pattern } from './patterns.ts';

/** Further symbols of a pattern say nothing that its first ones don't. */
const mostSymbols = 32;
/** Bits of the table for each window in it: one in so many windows of other data is taken for one of ours. */
const bitsPerWindow = 8;
const leastBits = 12;
const mostBits = 22;

/**
 * The fast test: says of any four bytes in a row whether they could stand in the beginning of a pattern, in whatever
 * spelling. It errs on one side only. Every such beginning has {@link stride} windows in a row that pass, so of data
 * that holds none only one window in `stride` need be looked at.
 *
 * It depends on the values alone, and is most of what compiling them costs: those who look for the same values share one.
 */
export class WindowFilter {
  readonly stride: number;
  /** `hash >>> shift` is the number of a window's bit in {@link table}. */
  readonly shift: number;
  readonly table: Uint32Array;
  #users = 0;

  constructor(patterns: readonly Pattern[]) {
    let symbols = mostSymbols;
    for (const pattern of patterns) symbols = Math.min(symbols, pattern.symbols.length);
    this.stride = symbols - windowLength + 1;
    const windows = new WindowSet();
    // The shortened patterns' windows are among those of the whole one.
    const most = Math.max(0, ...patterns.map(({ skipped }) => skipped));
    for (const pattern of patterns) {
      if (!pattern.shortened) addWindows(windows, pattern, Math.min(symbols + most, pattern.symbols.length));
    }
    const bits = Math.ceil(Math.log2(windows.size * bitsPerWindow));
    this.shift = 32 - Math.max(leastBits, Math.min(mostBits, bits));
    this.table = new Uint32Array(2 ** (32 - this.shift - 5));
    windows.fill(this.table, this.shift);
    windows.wipe();
    unreferenced.register(this, this.table);
  }

  /** One more looks through it. */
  hold(): this {
    this.#users += 1;
    return this;
  }

  /** One who held it has done with it: what was made of the values is overwritten after the last. It finds nothing then. */
  release(): void {
    this.#users -= 1;
    if (this.#users === 0) this.table.fill(0);
  }

  get inUse(): boolean {
    return this.#users > 0;
  }
}

/** What was made of values is overwritten once nothing refers to it any more, if not before. */
const unreferenced = new FinalizationRegistry<Uint32Array>((table) => table.fill(0));
const mostFilters = 1024;

/** The filters that are in use, by what is looked for. */
export class SharedFilters {
  readonly #known = new Map<string, WeakRef<WindowFilter>>();

  /** The filter of these patterns. `key` is the same for others where their values are. */
  of(key: string, patterns: readonly Pattern[]): WindowFilter {
    const known = this.#known.get(key)?.deref();
    // One that nobody uses any more has been overwritten.
    if (known?.inUse === true) return known;
    const filter = new WindowFilter(patterns);
    if (this.#known.size >= mostFilters) this.#known.clear();
    this.#known.set(key, new WeakRef(filter));
    return filter;
  }
}

/** The number of a window, its bytes packed with the first lowest. */
export function windowBit(packed: number, shift: number): number {
  return Math.imul(packed, 0x9e3779b1) >>> shift;
}

/** Windows, most of them more than once, in an array that is zeroed afterwards. */
class WindowSet {
  #items = new Uint32Array(4096);
  size = 0;

  add(packed: number): void {
    if (this.size === this.#items.length) {
      const larger = new Uint32Array(this.size * 2);
      larger.set(this.#items);
      this.#items.fill(0);
      this.#items = larger;
    }
    this.#items[this.size++] = packed;
  }

  fill(table: Uint32Array, shift: number): void {
    for (let i = 0; i < this.size; i++) {
      const bit = windowBit(this.#items[i] ?? 0, shift);
      table[bit >>> 5] = (table[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }

  wipe(): void {
    this.#items.fill(0);
  }
}

/** The windows in every spelling of the pattern's first `count` symbols, each from the symbol in which it begins. */
function addWindows(windows: WindowSet, pattern: Pattern, count: number): void {
  const seen = new Set<PatternSymbol>();
  // What the symbols from `index` on may begin with, one, two and three bytes long.
  let following: number[][] = [[], [], [], []];
  for (let index = count - 1; index >= 0; index--) {
    const symbol = symbolAt(pattern, index);
    if (!seen.has(symbol)) {
      seen.add(symbol);
      for (const window of symbol.inside) windows.add(window);
    }
    for (let length = 1; length < windowLength; length++) {
      for (const end of symbol.ends[length] ?? []) {
        for (const start of following[windowLength - length] ?? []) windows.add(join(end, length, start));
      }
    }
    following = startsFrom(symbol, following);
  }
}

function startsFrom(symbol: PatternSymbol, following: readonly number[][]): number[][] {
  const out: number[][] = [[]];
  for (let length = 1; length < windowLength; length++) {
    const starts = new Set<number>(symbol.starts[length]);
    for (let own = 1; own < length; own++) {
      for (const whole of symbol.whole[own] ?? []) {
        for (const start of following[length - own] ?? []) starts.add(join(whole, own, start));
      }
    }
    for (const whole of symbol.whole[length] ?? []) starts.add(whole);
    out.push([...starts]);
  }
  return out;
}
