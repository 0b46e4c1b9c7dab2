import { base64Forms, sextetAt, utf16Forms } from './forms.ts';
import type { ScrubEntry } from './forms.ts';
import type { PatternSymbol } from './pattern-symbol.ts';
import { codesOf } from './spellings.ts';
import { base64Symbol, byteSymbol, characterSymbol, hexSymbol, numberSymbol } from './symbols.ts';

/** How a pattern's symbols come from the value's bytes. */
export type PatternKind = 'characters' | 'bytes' | 'hex' | 'numbers' | 'base64';

/** One encoding of one value, as a sequence of symbols, each of which has many spellings. */
export interface Pattern {
  readonly kind: PatternKind;
  readonly id: string;
  readonly standIn: string;
  /** Length of the value in bytes. */
  readonly valueLength: number;
  /** base64: bytes of its group of three that stand before the value. */
  readonly before: number;
  /** base64: line breaks may stand in it. */
  readonly inLines: boolean;
  /** base64: characters left out at the start, see {@link unbroken}. */
  readonly skipped: number;
  /** It is looked for only where the data or a line begins. */
  readonly shortened: boolean;
  /** The symbols' numbers, of which {@link symbolAt} makes symbols. Zeroed when the secret is forgotten. */
  readonly symbols: Uint32Array;
}

const allBits = 0x3f;
/**
 * So many characters of base64 must stand in one line before a line break counts as part of the run: else every line of
 * text whose end looks like a value's first character would wait, with its line break, for the next. A value that is
 * broken earlier is found from the break on, without the few characters before it.
 */
const unbroken = 4;

/** The patterns of one value. What is made of it on the way is overwritten. */
export function patternsOf(entry: ScrubEntry): Pattern[] {
  const { value } = entry;
  const utf16 = utf16Forms(entry);
  const base64 = base64Forms(entry);
  const patterns = [
    unaligned(entry, 'characters', codesOf(value)),
    unaligned(entry, 'hex', hexDigits(value)),
    unaligned(entry, 'numbers', Uint32Array.from(value)),
    ...utf16.map((form) => unaligned(form, 'bytes', Uint32Array.from(form.value))),
    ...base64Patterns(entry),
    ...base64.flatMap(base64AgainPatterns),
  ];
  for (const form of [...utf16, ...base64]) form.value.fill(0);
  return patterns;
}

function unaligned({ id, standIn, value }: ScrubEntry, kind: PatternKind, symbols: Uint32Array): Pattern {
  const place = { before: 0, skipped: 0, inLines: false, shortened: false };
  return { kind, id, standIn, valueLength: value.length, ...place, symbols };
}

function base64Patterns(entry: ScrubEntry): Pattern[] {
  const patterns: Pattern[] = [];
  for (let before = 0; before < 3; before++) {
    const symbols = sextetsWithMask(entry.value, before);
    for (let skipped = 0; skipped < unbroken; skipped++) {
      patterns.push(aligned(entry, symbols, { before, skipped, inLines: true, shortened: skipped > 0 }));
    }
  }
  return patterns;
}

/**
 * Of what is base64 already, in one line, and without a first character that holds but a part of one. There are many of
 * them: so that their first characters need not wait, what follows one that has gone on is looked for too.
 */
function base64AgainPatterns(form: ScrubEntry): Pattern[] {
  return [0, 1, 2].flatMap((before) => {
    const symbols = sextetsWithMask(form.value, before);
    return [false, true].map((shortened) => {
      const skipped = Math.min(before, 1) + Number(shortened);
      return aligned(form, symbols, { before, skipped, inLines: false, shortened });
    });
  });
}

type Place = Pick<Pattern, 'before' | 'skipped' | 'inLines' | 'shortened'>;

function aligned({ id, standIn, value }: ScrubEntry, symbols: Uint32Array, place: Place): Pattern {
  return { kind: 'base64', id, standIn, valueLength: value.length, ...place, symbols: symbols.subarray(place.skipped) };
}

const makers: Record<PatternKind, (symbol: number, index: number, pattern: Pattern) => PatternSymbol> = {
  characters: (symbol, index) => characterSymbol(symbol, index > 0),
  bytes: byteSymbol,
  hex: (symbol, index) => hexSymbol(symbol & 15, index > 0 && index % 2 === 0),
  numbers: (symbol, index) => numberSymbol(symbol & 255, index === 0),
  base64: (symbol, index, { inLines, skipped }) =>
    base64Symbol(symbol >> 6, symbol & allBits, inLines && index + skipped >= unbroken),
};

export function symbolAt(pattern: Pattern, index: number): PatternSymbol {
  return makers[pattern.kind](pattern.symbols[index] ?? 0, index, pattern);
}

/**
 * Symbols that must have been seen before the beginning of a pattern is worth waiting for. The first character of base64
 * may hold as few as two bits of the value: sixteen of them fit, so every fourth chunk of text would lose its last
 * character to the next. It goes on, and where a value does follow, that is found from its second character on.
 */
export function leastHeld({ kind, before, skipped, inLines, shortened }: Pattern): number {
  const isPart = before > 0 && skipped === 0;
  return kind === 'base64' && !shortened && (isPart || !inLines) ? 2 : 0;
}

/** The bits of a base64 pattern's last character that belong to what follows the value; 0: none. */
export function bitsAfter({ before, valueLength }: Pattern): number {
  const over = ((before + valueLength) * 8) % 6;
  return over === 0 ? 0 : 6 - over;
}

function hexDigits(value: Buffer): Uint32Array {
  const digits = new Uint32Array(value.length * 2);
  for (let i = 0; i < value.length; i++) {
    digits[2 * i] = (value[i] ?? 0) >> 4;
    digits[2 * i + 1] = (value[i] ?? 0) & 15;
  }
  return digits;
}

/** Each character of base64 that holds a bit of the value, as `bits << 6 | mask`: what is known of it, and where. */
function sextetsWithMask(value: Buffer, before: number): Uint32Array {
  const startBit = before * 8;
  const endBit = startBit + value.length * 8;
  const firstSextet = Math.floor(startBit / 6);
  const out = new Uint32Array(Math.ceil(endBit / 6) - firstSextet);
  for (let i = 0; i < out.length; i++) {
    const bit = (firstSextet + i) * 6;
    let mask = allBits;
    if (bit < startBit) mask &= allBits >> (startBit - bit);
    if (bit + 6 > endBit) mask &= allBits << (bit + 6 - endBit);
    out[i] = ((sextetAt(value, bit - startBit) & mask) << 6) | mask;
  }
  return out;
}
