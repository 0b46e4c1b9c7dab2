import { codesOf } from './spellings.ts';
import { base64Character } from './symbols.ts';

/** The real value of a binding and what stands in for it. */
export interface ScrubEntry {
  /** The binding. */
  readonly id: string;
  readonly standIn: string;
  /** Its bytes are not kept: what is compiled of them is wiped with the {@link Scrub}. */
  readonly value: Buffer;
}

const filler = 'x';
const bitsOfSextet = 6;

/**
 * The value in UTF-16, for text of Windows, Java and databases. In Latin-1 every other byte is zero, whichever byte of a
 * pair comes first, so one form does for both orders: it lacks the zero at its one end or the other, which stays where it
 * is. Other characters have a form for each order.
 */
export function utf16Forms({ id, standIn, value }: ScrubEntry): ScrubEntry[] {
  const codes = codesOf(value);
  const wide = Buffer.alloc(4 * codes.length);
  let length = 0;
  for (const code of codes) {
    const pair = code >= 0x10000;
    const unit = pair ? 0xd800 + ((code - 0x10000) >> 10) : code;
    length = wide.writeUInt16LE(unit & 0xffff, length);
    if (pair) length = wide.writeUInt16LE(0xdc00 + ((code - 0x10000) & 0x3ff), length);
  }
  const narrow = codes.every((code) => code < 0x100);
  codes.fill(0);
  const text = standIn.split('').join('\0');
  const little = wide.subarray(0, length);
  if (narrow) return [{ id, standIn: text, value: little.subarray(0, length - 1) }];
  const big = Buffer.from(little).swap16();
  return [
    { id, standIn: `${text}\0`, value: little },
    { id, standIn: `\0${text}`, value: big },
  ];
}

/**
 * The value's base64 at each of the three alignments and in either alphabet, without the characters at its ends that hold
 * bits of its neighbours: to be looked for in base64 once more, where a configuration with a password in it is a secret of
 * Kubernetes. The stand-in is filled up, so that what follows keeps its place in both.
 */
export function base64Forms({ id, standIn, value }: ScrubEntry): ScrubEntry[] {
  const filled = Buffer.from(fillTo(standIn, value.length, 9));
  const forms: ScrubEntry[] = [];
  for (let before = 0; before < 3; before++) {
    const plain = innerBase64(value, before, false);
    forms.push({ id, standIn: innerBase64(filled, before, false).toString('latin1'), value: plain });
    const url = innerBase64(value, before, true);
    if (!url.equals(plain))
      forms.push({ id, standIn: innerBase64(filled, before, true).toString('latin1'), value: url });
  }
  return forms;
}

/** `standIn` filled up to as many bytes as `length` modulo `modulus`. */
function fillTo(standIn: string, length: number, modulus: number): string {
  return standIn + filler.repeat((((length - Buffer.byteLength(standIn)) % modulus) + modulus) % modulus);
}

function innerBase64(bytes: Uint8Array, before: number, url: boolean): Buffer {
  const startBit = before * 8;
  const first = Math.ceil(startBit / bitsOfSextet);
  const end = Math.floor((startBit + bytes.length * 8) / bitsOfSextet);
  const out = Buffer.alloc(end - first);
  for (let i = 0; i < out.length; i++) {
    out[i] = base64Character(sextetAt(bytes, (first + i) * bitsOfSextet - startBit), url);
  }
  return out;
}

/** Six bits from `bit`, which may begin before the bytes or end after them; what is not there is zero. */
export function sextetAt(bytes: Uint8Array, bit: number): number {
  const at = Math.floor(bit / 8);
  const pair = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return (pair >> (10 - (bit - at * 8))) & 0x3f;
}
