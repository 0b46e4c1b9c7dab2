import type { Break } from './breaks.ts';

/** A place in the spellings of one symbol, after some of their bytes. */
export interface SpellingNode {
  /** The byte that led here. */
  readonly byte: number;
  /** The first of the places that one more byte leads to, and the next of those that the same place leads to. */
  child: SpellingNode | null;
  readonly sibling: SpellingNode | null;
  /** A whole spelling ends here: in which style, of which code point, and how long it is without a break before. */
  end: { readonly style: number; readonly code: number; readonly length: number } | null;
}

/**
 * One element of a pattern: what it may look like. Symbols belong to characters, not to secrets, and are made once.
 * Bytes are packed into numbers, the first of them lowest.
 */
export interface PatternSymbol {
  readonly root: SpellingNode;
  /** Every run of four bytes inside one spelling. */
  readonly inside: Uint32Array;
  /** The starts and the ends of spellings that are one, two and three bytes long, at index 1, 2 and 3. */
  readonly starts: readonly Uint32Array[];
  readonly ends: readonly Uint32Array[];
  /** The whole spellings that are one, two and three bytes long, at the same indices. */
  readonly whole: readonly Uint32Array[];
}

/** One way to write a symbol: latin1, one character one byte. */
export interface Spelling {
  readonly text: string;
  /** Its index in the styles; 0 where the symbol has but one. */
  readonly style: number;
  readonly code: number;
}

/** Bytes of a window. */
export const windowLength = 4;

/** Where `byte` leads from a place; null: nowhere. */
export function childOf(node: SpellingNode, byte: number): SpellingNode | null {
  let child = node.child;
  while (child !== null && child.byte !== byte) child = child.sibling;
  return child;
}

/** `breaks`, of which none begins with a later one, may stand before those in `broken`: some of `spellings`, or others. */
export function makeSymbol(
  spellings: readonly Spelling[],
  breaks: readonly Break[] = [],
  broken: readonly Spelling[] = spellings,
): PatternSymbol {
  const root = makeNode(0, null);
  for (const spelling of spellings) addSpelling(root, spelling);
  const windows = new SpellingWindows(spellings);
  if (breaks.length > 0) {
    const behind = makeNode(0, null);
    for (const spelling of broken) addSpelling(behind, spelling);
    for (const text of breaks) pathTo(root, text).child = behind.child;
    windows.addBroken(breaks, new SpellingWindows(broken));
  }
  return { root, ...windows.packed() };
}

function makeNode(byte: number, sibling: SpellingNode | null): SpellingNode {
  return { byte, child: null, sibling, end: null };
}

/** The place after `text`, which is made where it is not there yet. */
function pathTo(root: SpellingNode, text: string): SpellingNode {
  let node = root;
  for (let at = 0; at < text.length; at++) {
    const byte = text.charCodeAt(at);
    node = childOf(node, byte) ?? (node.child = makeNode(byte, node.child));
  }
  return node;
}

function addSpelling(root: SpellingNode, { text, style, code }: Spelling): void {
  pathTo(root, text).end ??= { style, code, length: text.length };
}

/** What the windows filter needs to know of spellings. */
class SpellingWindows {
  readonly #inside = new Set<number>();
  readonly #starts = sets();
  readonly #ends = sets();
  readonly #whole = sets();

  constructor(spellings: readonly Spelling[]) {
    for (const { text } of spellings) {
      for (let at = 0; at + windowLength <= text.length; at++) this.#inside.add(pack(text, at, windowLength));
      for (let length = 1; length < windowLength; length++) {
        if (text.length > length) this.#starts[length]?.add(pack(text, 0, length));
        if (text.length >= length) this.#ends[length]?.add(pack(text, text.length - length, length));
        if (text.length === length) this.#whole[length]?.add(pack(text, 0, length));
      }
    }
  }

  /** `broken` with each of `breaks` before. */
  addBroken(breaks: readonly Break[], broken: SpellingWindows): void {
    for (const text of breaks) this.#addBehind(text, broken);
  }

  #addBehind(before: string, broken: SpellingWindows): void {
    for (let at = 0; at + windowLength <= before.length; at++) this.#inside.add(pack(before, at, windowLength));
    for (let length = 1; length < windowLength; length++) {
      if (before.length >= length) this.#starts[length]?.add(pack(before, 0, length));
      for (let own = 1; own < length && own <= before.length; own++) {
        const end = pack(before, before.length - own, own);
        for (const then of broken.#whole[length - own] ?? []) this.#ends[length]?.add(join(end, own, then));
      }
      const rest = length - before.length;
      if (rest > 0) {
        const all = pack(before, 0, before.length);
        for (const start of broken.#starts[rest] ?? []) this.#starts[length]?.add(join(all, before.length, start));
        for (const then of broken.#whole[rest] ?? []) this.#whole[length]?.add(join(all, before.length, then));
      }
      if (before.length < length) continue;
      const end = pack(before, before.length - length, length);
      for (const from of [broken.#starts, broken.#whole]) {
        for (const start of from[windowLength - length] ?? []) this.#inside.add(join(end, length, start));
      }
    }
    for (let length = 1; length < windowLength; length++) {
      for (const end of broken.#ends[length] ?? []) this.#ends[length]?.add(end);
    }
  }

  packed(): Omit<PatternSymbol, 'root'> {
    return {
      inside: Uint32Array.from(this.#inside),
      starts: arrays(this.#starts),
      ends: arrays(this.#ends),
      whole: arrays(this.#whole),
    };
  }
}

function sets(): Set<number>[] {
  return Array.from({ length: windowLength }, () => new Set<number>());
}

function arrays(of: readonly Set<number>[]): Uint32Array[] {
  return of.map((set) => Uint32Array.from(set));
}

function pack(text: string, at: number, length: number): number {
  let packed = 0;
  for (let i = 0; i < length; i++) packed |= text.charCodeAt(at + i) << (8 * i);
  return packed >>> 0;
}

/** The bytes of `first`, `length` of them, and those of `then` behind. */
export function join(first: number, length: number, then: number): number {
  return (first | (then << (8 * length))) >>> 0;
}
