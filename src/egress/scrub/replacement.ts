import { sextetAt } from './forms.ts';
import { bitsAfter } from './patterns.ts';
import type { Pattern } from './patterns.ts';
import type { RunEnd } from './run-end.ts';
import { codesOf, isSafe, styles } from './spellings.ts';
import { base64Character, sextetOf } from './symbols.ts';
import { traceSpellings } from './trace.ts';
import type { Spelled } from './trace.ts';

/** An occurrence of a pattern in bytes. */
export interface Occurrence {
  readonly pattern: Pattern;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** What stands in an occurrence's place. */
export interface Replacement {
  /** One item for each character, latin1. */
  readonly units: string[];
  /**
   * base64: the last of them, which holds bits of what follows, so that another occurrence may begin with it. It stands
   * for a character that ends with the occurrence.
   */
  readonly shared: string | null;
}

const filler = 'x';

/** The stand-in, written as the value was. */
export function replace(occurrence: Occurrence, runEnd: RunEnd): Replacement {
  const { pattern, bytes } = occurrence;
  if (pattern.kind === 'bytes') return { units: pattern.standIn.split(''), shared: null };
  const written: Written = { ...occurrence, spelled: traceSpellings(pattern, bytes, occurrence) };
  if (pattern.kind === 'base64') return base64Units(written, runEnd);
  const units = { characters: characterUnits, hex: hexUnits, numbers: numberUnits }[pattern.kind](written);
  return { units, shared: null };
}

/** Whether the stand-in's base64 is a run of another length modulo three, so that it matters what follows. */
export function changesAlignment({ kind, standIn, valueLength }: Pattern): boolean {
  return kind === 'base64' && (Buffer.byteLength(standIn) - valueLength) % 3 !== 0;
}

/** `units` cut and filled to exactly `length` bytes. */
export function fitTo(units: readonly string[], length: number): string {
  let out = '';
  for (const unit of units) {
    if (out.length + unit.length > length) break;
    out += unit;
  }
  return out.padEnd(length, filler);
}

/** Each character in the style of the value's character in its place, so that what was escaped stays so. */
function characterUnits(written: Written): string[] {
  const { pattern, spelled } = written;
  const escaping = spelled.find(({ style }) => style !== 0)?.style ?? 0;
  const last = spelled.at(-1)?.style ?? 0;
  const units: string[] = [];
  for (const code of codesOf(Buffer.from(pattern.standIn, 'utf8'))) {
    const index = units.length;
    const style = spelled[index]?.style ?? last;
    units.push(breakAt(written, index) + spell(code, style === 0 && !isSafe(code) ? escaping : style));
  }
  return units;
}

/** Two digits with what parts them from those before. */
function hexUnits(written: Written): string[] {
  const { bytes, start, end, pattern, spelled } = written;
  const upper = bytes.subarray(start, end).some((byte) => byte >= 0x41 && byte <= 0x46);
  return Array.from(Buffer.from(pattern.standIn, 'utf8'), (byte, index) => {
    const digits = byte.toString(16).padStart(2, '0');
    const place = index === 0 ? 0 : Math.min(2 * index, spelled.length - 2);
    const { length = 1 } = spelled[place] ?? {};
    return breakAt(written, place) + (length > 1 ? '0x' : '') + (upper ? digits.toUpperCase() : digits);
  });
}

function numberUnits(written: Written): string[] {
  const { pattern, spelled } = written;
  return Array.from(Buffer.from(pattern.standIn, 'utf8'), (byte, index) => {
    return breakAt(written, Math.min(index, spelled.length - 1)) + byte.toString();
  });
}

function base64Units(written: Written, { goesOn, padding }: RunEnd): Replacement {
  const { pattern, spelled } = written;
  const { before, skipped, valueLength, standIn } = pattern;
  const missing = (((valueLength - Buffer.byteLength(standIn)) % 3) + 3) % 3;
  const content = Buffer.from(standIn + (goesOn ? filler.repeat(missing) : ''), 'utf8');
  const url = spelled.some(({ code }) => code === 0x2d || code === 0x5f);
  const first = skipped === 0 ? sextetOf(spelled[0]?.code ?? 0) : 0;
  const last = sextetOf(spelled.at(-1)?.code ?? 0);
  const endBit = (before + content.length) * 8;
  const firstSextet = Math.floor((before * 8) / 6);
  const count = Math.ceil(endBit / 6) - firstSextet;
  const units: string[] = [];
  for (let i = skipped; i < count; i++) {
    const bit = (firstSextet + i) * 6;
    let sextet = sextetAt(content, bit - before * 8);
    // The neighbours' bits: those before the value, and those after it where something follows.
    if (i === 0) sextet |= first & (0x3f << (6 - (before * 8 - bit)));
    if (i === count - 1 && goesOn) sextet |= last & ((1 << bitsAfter(pattern)) - 1);
    const shared = goesOn && i === count - 1 && bitsAfter(pattern) !== 0;
    units.push(base64Unit(base64Character(sextet, url), written, { index: i - skipped, shared }));
  }
  if (goesOn) return { units, shared: bitsAfter(pattern) === 0 ? null : (units.pop() ?? null) };
  // RFC 4648 3.2: padding, unless what was replaced went without where it would have needed some.
  const unpadded = padding === '' && (bitsAfter(pattern) !== 0 || url);
  if (!unpadded) units.push((padding || '=').repeat((3 - ((before + content.length) % 3)) % 3));
  return { units, shared: null };
}

/**
 * A character in the style of the one whose place it takes, behind the line break that stood there. The `shared` one is
 * plain, as the letters and digits of base64 are looked for.
 */
function base64Unit(code: number, written: Written, { index, shared }: { index: number; shared: boolean }): string {
  const old = written.spelled[index];
  if (old === undefined) return String.fromCharCode(code);
  return breakAt(written, index) + (shared ? String.fromCharCode(code) : spell(code, old.style));
}

/** The break before a symbol as it stood there. */
function breakAt({ bytes, start, spelled }: Written, index: number): string {
  const symbol = spelled[index];
  if (symbol === undefined) return '';
  const begin = spelled[index - 1]?.end ?? start;
  return Buffer.from(bytes.subarray(begin, symbol.end - symbol.length)).toString('latin1');
}

interface Written extends Occurrence {
  readonly spelled: readonly Spelled[];
}

function spell(code: number, style: number): string {
  return styles[style]?.spell(code)[0] ?? styles[0]?.spell(code)[0] ?? '';
}
