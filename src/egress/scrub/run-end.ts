import { lineBreaks } from './breaks.ts';
import { sextetOf } from './symbols.ts';

/** What follows a base64 run's last character, in as far as it matters. */
export interface RunEnd {
  /** More of the run follows, or may: the number of its bytes must stay the same modulo three. */
  readonly goesOn: boolean;
  /** How padding is written; empty: there is none right behind. */
  readonly padding: string;
  /** Bytes of padding right behind, which the replacement takes with it. */
  readonly paddingBytes: number;
}

export const runGoesOn: RunEnd = { goesOn: true, padding: '', paddingBytes: 0 };
const runEnded: RunEnd = { goesOn: false, padding: '', paddingBytes: 0 };
/** In quoted-printable, as it is, in a URL, in JSON as some escape it, and in HTML. */
const paddings = ['=3D', '=3d', '=', '%3D', '%3d', '\\u003d', '\\u003D', '&#61;', '&#x3D;', '&#x3d;', '&equals;'];
const equals = 0x3d;
/** What may be the beginning of an escaped character of the run. */
const escapes = new Set([0x25, 0x26, 0x5c]);

/** How a base64 run goes on at `bytes[at]`. Null: the data ends before that can be told. */
export function readRunEnd(bytes: Buffer, at: number, { end, last }: { end: number; last: boolean }): RunEnd | null {
  for (const padding of paddings) {
    const one = readPadding(bytes, at, { text: padding, end, last });
    if (one === 'open' && !last) return null;
    if (one !== 'whole') continue;
    const two = readPadding(bytes, at + padding.length, { text: padding, end, last });
    if (two === 'open' && !last) return null;
    return { goesOn: false, padding, paddingBytes: padding.length * (two === 'whole' ? 2 : 1) };
  }
  for (const lineBreak of lineBreaks) {
    const found = begins(bytes, at, { text: lineBreak, end });
    if (found === 'open' && !last) return null;
    if (found !== 'whole') continue;
    const next = at + lineBreak.length;
    if (next >= end) return last ? runEnded : null;
    return bytes[next] === equals || mayGoOn(bytes[next] ?? 0) ? runGoesOn : runEnded;
  }
  return at < end && mayGoOn(bytes[at] ?? 0) ? runGoesOn : runEnded;
}

/** As `begins`; but a `=` with which an escape of quoted-printable begins is no padding, and a value may begin with it. */
function readPadding(
  bytes: Buffer,
  at: number,
  { text, end, last }: { text: string; end: number; last: boolean },
): 'whole' | 'open' | 'no' {
  const found = begins(bytes, at, { text, end });
  if (found !== 'whole' || text !== '=') return found;
  const digits = bytes.toString('latin1', at + 1, Math.min(at + 3, end));
  if (!/^[0-9A-Fa-f]*$/.test(digits)) return 'whole';
  if (digits.length === 2) return 'no';
  return last ? 'whole' : 'open';
}

function mayGoOn(byte: number): boolean {
  return escapes.has(byte) || sextetOf(byte) !== -1;
}

/** Whether `text` stands at `bytes[at]`; `open`: as far as the data goes. */
function begins(bytes: Buffer, at: number, { text, end }: { text: string; end: number }): 'whole' | 'open' | 'no' {
  const length = Math.min(text.length, end - at);
  if (bytes.toString('latin1', at, at + length) !== text.slice(0, length)) return 'no';
  return length === text.length ? 'whole' : 'open';
}
