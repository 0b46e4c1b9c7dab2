import { dumpBreaks, lineBreaks, listBreaks, softBreaks } from './breaks.ts';
import { makeSymbol } from './pattern-symbol.ts';
import type { PatternSymbol, Spelling } from './pattern-symbol.ts';
import { quotedPrintable, styles } from './spellings.ts';

const standard = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Characters of values that are kept: each takes a few kilobytes, and there are a million code points. */
const mostCharacters = 2048;
const characters = new Map<number, PatternSymbol>();

/** A character of the value itself, in any style; with `breaks` it may follow a soft line break. */
export function characterSymbol(code: number, breaks: boolean): PatternSymbol {
  const key = 2 * code + Number(breaks);
  let symbol = characters.get(key);
  if (symbol === undefined) {
    if (characters.size === mostCharacters) characters.clear();
    characters.set(key, (symbol = makeCharacter(code, breaks)));
  }
  return symbol;
}

function makeCharacter(code: number, breaks: boolean): PatternSymbol {
  const spellings = spellingsOf(code);
  if (!breaks) return makeSymbol(spellings);
  const broken = spellings.filter(({ style }) => style === 0 || style === quotedPrintable);
  return makeSymbol(spellings, softBreaks, broken);
}

/** A byte as it is, and nothing else. */
export function byteSymbol(byte: number): PatternSymbol {
  return (byteSymbols[byte] ??= makeSymbol([inOneStyle(String.fromCharCode(byte))]));
}

const byteSymbols: PatternSymbol[] = [];

/** A hexadecimal digit in either case; with `breaks` it is a byte's first, and something may part it from the last. */
export function hexSymbol(digit: number, breaks: boolean): PatternSymbol {
  const made = breaks ? dumpSymbols : hexSymbols;
  return (made[digit] ??= makeHex(digit, breaks));
}

const hexSymbols: PatternSymbol[] = [];
const dumpSymbols: PatternSymbol[] = [];

function makeHex(digit: number, breaks: boolean): PatternSymbol {
  const lower = digit.toString(16);
  const cases = [...new Set([lower, lower.toUpperCase()])];
  const plain = cases.map(inOneStyle);
  if (!breaks) return makeSymbol(plain);
  return makeSymbol(plain, dumpBreaks, [...plain, ...cases.map((text) => inOneStyle(`0x${text}`))]);
}

/** A byte as a decimal number in a list; all but the first follow what parts them. */
export function numberSymbol(byte: number, first: boolean): PatternSymbol {
  const spelling = [inOneStyle(byte.toString())];
  if (first) return (firstNumbers[byte] ??= makeSymbol(spelling));
  return (laterNumbers[byte] ??= makeSymbol([], listBreaks, spelling));
}

const firstNumbers: PatternSymbol[] = [];
const laterNumbers: PatternSymbol[] = [];

function inOneStyle(text: string): Spelling {
  return { text, style: 0, code: text.charCodeAt(0) };
}

/**
 * A character of base64 (RFC 4648 sections 4 and 5) of which the bits in `mask` are known to be `bits`. With
 * `breaks` it may follow a line break.
 */
export function base64Symbol(bits: number, mask: number, breaks: boolean): PatternSymbol {
  const key = (bits << 7) | (mask << 1) | Number(breaks);
  let symbol = base64Symbols.get(key);
  if (symbol === undefined) {
    const spellings: Spelling[] = [];
    for (let sextet = 0; sextet < 64; sextet++) {
      if ((sextet & mask) === bits) spellings.push(...base64Spellings(sextet));
    }
    base64Symbols.set(key, (symbol = makeSymbol(spellings, breaks ? lineBreaks : [])));
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
function base64Spellings(sextet: number): Spelling[] {
  const plain = standard.charCodeAt(sextet);
  if (sextet < 62) return [inOneStyle(String.fromCharCode(plain))];
  return [plain, base64Character(sextet, true)].flatMap(spellingsOf);
}

function spellingsOf(code: number): Spelling[] {
  return styles.flatMap(({ spell, ascii }, index) =>
    ascii === true && code >= 0x80 ? [] : spell(code).map((text) => ({ text, style: index, code })),
  );
}
