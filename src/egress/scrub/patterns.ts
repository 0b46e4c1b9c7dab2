import { codesOf } from './spellings.ts';
import { base64Symbol, characterSymbol, hexSymbols } from './symbols.ts';
import type { PatternSymbol } from './symbols.ts';

/** The real value of a binding and what stands in for it. */
export interface ScrubEntry {
  /** The binding. */
  readonly id: string;
  readonly standIn: string;
  /** Its bytes are not kept: what is compiled of them is wiped with the {@link Scrub}. */
  readonly value: Buffer;
}

/** How a pattern's symbols come from the value's bytes. */
export type PatternKind = 'characters' | 'hex' | 'base64';

/** One encoding of one value, as a sequence of symbols, each of which has many spellings. */
export interface Pattern {
  readonly kind: PatternKind;
  readonly id: string;
  readonly standIn: string;
  /** Length of the value in bytes. */
  readonly valueLength: number;
  /** base64: bytes of its group of three that stand before the value. */
  readonly before: number;
  /** base64: characters left out at the start, see {@link unbroken}. */
  readonly skipped: number;
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

/** The patterns of one value: its characters, their hexadecimal, and base64 at each of the three alignments. */
export function patternsOf({ id, standIn, value }: ScrubEntry): Pattern[] {
  const unaligned = { id, standIn, valueLength: value.length, before: 0, skipped: 0 };
  const patterns: Pattern[] = [
    { ...unaligned, kind: 'characters', symbols: codesOf(value) },
    { ...unaligned, kind: 'hex', symbols: hexDigits(value) },
  ];
  for (let before = 0; before < 3; before++) {
    const symbols = sextetsWithMask(value, before);
    for (let skipped = 0; skipped < unbroken; skipped++) {
      patterns.push({
        kind: 'base64',
        id,
        standIn,
        valueLength: value.length,
        before,
        skipped,
        symbols: symbols.subarray(skipped),
      });
    }
  }
  return patterns;
}

export function symbolAt({ kind, symbols, skipped }: Pattern, index: number): PatternSymbol {
  const symbol = symbols[index] ?? 0;
  if (kind === 'characters') return characterSymbol(symbol);
  if (kind === 'hex') return hexSymbols[symbol & 15] ?? characterSymbol(symbol);
  return base64Symbol(symbol >> 6, symbol & allBits, index + skipped >= unbroken);
}

/**
 * Symbols that must have been seen before the beginning of a pattern is worth waiting for. The first character of base64
 * may hold as few as two bits of the value: sixteen of them fit, so every fourth chunk of text would lose its last
 * character to the next. It goes on, and where a value does follow, that is found from its second character on.
 */
export function leastHeld({ kind, before, skipped }: Pattern): number {
  return kind === 'base64' && before > 0 && skipped === 0 ? 2 : 0;
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

/** Six bits from `bit`, which may begin before the bytes or end after them; what is not there is zero. */
export function sextetAt(bytes: Uint8Array, bit: number): number {
  const at = Math.floor(bit / 8);
  const pair = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return (pair >> (10 - (bit - at * 8))) & allBits;
}
