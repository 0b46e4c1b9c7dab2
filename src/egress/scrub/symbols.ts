import { styles } from './spellings.ts';

/** A place in the spellings of one symbol, after some of their bytes. */
export interface SpellingNode {
  /** The byte that led here. */
  readonly byte: number;
  /** The first of the places that one more byte leads to, and the next of those that the same place leads to. */
  child: SpellingNode | null;
  readonly sibling: SpellingNode | null;
  /** A whole spelling ends here: in which style, of which code point, and how long it is without a line break before. */
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

interface Spelled {
  lineBreak: string;
  text: string;
  style: number;
  code: number;
}

/**
 * Line breaks inside base64 (RFC 2045 section 6.8 wants one every 76 characters): as they are and in a JSON string; last,
 * none.
 */
export const lineBreaks = ['\n', '\r\n', '\\n', '\\r\\n', ''];
const standard = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Where `byte` leads from a place; null: nowhere. */
export function childOf(node: SpellingNode, byte: number): SpellingNode | null {
  let child = node.child;
  while (child !== null && child.byte !== byte) child = child.sibling;
  return child;
}

/** Characters of values that are kept: each takes a few kilobytes, and there are a million code points. */
const mostCharacters = 2048;
const characters = new Map<number, PatternSymbol>();

/** A character of the value itself, in any style. */
export function characterSymbol(code: number): PatternSymbol {
  let symbol = characters.get(code);
  if (symbol === undefined) {
    if (characters.size === mostCharacters) characters.clear();
    characters.set(code, (symbol = makeSymbol(spellingsOf(code))));
  }
  return symbol;
}

/** A hexadecimal digit in either case. */
export const hexSymbols: readonly PatternSymbol[] = Array.from({ length: 16 }, (_, digit) => {
  const lower = digit.toString(16);
  const cases = new Set([lower, lower.toUpperCase()]);
  return makeSymbol([...cases].map((text) => ({ lineBreak: '', text, style: 0, code: text.charCodeAt(0) })));
});

/**
 * A character of base64 (RFC 4648 sections 4 and 5) of which the bits in `mask` are known to be `bits`. With
 * `breaks` it may follow a line break.
 */
export function base64Symbol(bits: number, mask: number, breaks: boolean): PatternSymbol {
  const key = (bits << 7) | (mask << 1) | Number(breaks);
  let symbol = base64Symbols.get(key);
  if (symbol === undefined) {
    const spelled: Spelled[] = [];
    for (let sextet = 0; sextet < 64; sextet++) {
      if ((sextet & mask) !== bits) continue;
      for (const { text, style, code } of base64Spellings(sextet)) {
        for (const lineBreak of breaks ? lineBreaks : ['']) spelled.push({ lineBreak, text, style, code });
      }
    }
    base64Symbols.set(key, (symbol = makeSymbol(spelled)));
  }
  return symbol;
}

const base64Symbols = new Map<number, PatternSymbol>();

/** The sextet of a base64 character of either alphabet; -1: it is none. */
export function sextetOf(code: number): number {
  return sextets[code] ?? -1;
}

const sextets = new Int8Array(128).fill(-1);
for (let sextet = 0; sextet < 64; sextet++) sextets[standard.charCodeAt(sextet)] = sextet;
sextets[0x2d] = 62;
sextets[0x5f] = 63;

export function base64Character(sextet: number, url: boolean): number {
  if (url && sextet >= 62) return sextet === 62 ? 0x2d : 0x5f;
  return standard.charCodeAt(sextet);
}

/** Only what an encoder would touch is looked for escaped: letters and digits of base64 stand as they are. */
function base64Spellings(sextet: number): Spelled[] {
  const plain = standard.charCodeAt(sextet);
  if (sextet < 62) return [{ lineBreak: '', text: String.fromCharCode(plain), style: 0, code: plain }];
  return [plain, base64Character(sextet, true)].flatMap(spellingsOf);
}

function spellingsOf(code: number): Spelled[] {
  return styles.flatMap(({ spell, ascii }, index) =>
    ascii === true && code >= 0x80 ? [] : spell(code).map((text) => ({ lineBreak: '', text, style: index, code })),
  );
}

function makeSymbol(spelled: readonly Spelled[]): PatternSymbol {
  const root: SpellingNode = { byte: 0, child: null, sibling: null, end: null };
  const inside = new Set<number>();
  const [starts, ends, whole] = [sets(), sets(), sets()];
  for (const { lineBreak, text: own, style, code } of spelled) {
    const text = lineBreak + own;
    let node = root;
    for (let at = 0; at < text.length; at++) {
      const byte = text.charCodeAt(at);
      node = childOf(node, byte) ?? (node.child = { byte, child: null, sibling: node.child, end: null });
      if (at + 4 <= text.length) inside.add(pack(text, at, 4));
    }
    node.end ??= { style, code, length: own.length };
    for (let length = 1; length < 4; length++) {
      if (text.length > length) starts[length]?.add(pack(text, 0, length));
      if (text.length >= length) ends[length]?.add(pack(text, text.length - length, length));
      if (text.length === length) whole[length]?.add(pack(text, 0, length));
    }
  }
  return { root, inside: Uint32Array.from(inside), starts: arrays(starts), ends: arrays(ends), whole: arrays(whole) };
}

function sets(): Set<number>[] {
  return Array.from({ length: 4 }, () => new Set<number>());
}

function arrays(of: readonly Set<number>[]): Uint32Array[] {
  return of.map((set) => Uint32Array.from(set));
}

function pack(text: string, at: number, length: number): number {
  let packed = 0;
  for (let i = 0; i < length; i++) packed |= text.charCodeAt(at + i) << (8 * i);
  return packed >>> 0;
}
