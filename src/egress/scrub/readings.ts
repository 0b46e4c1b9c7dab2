import type { ScrubEntry } from './forms.ts';
import { codesOf } from './spellings.ts';

/** Windows-1252 has characters where Latin-1 has control characters: https://encoding.spec.whatwg.org/#windows-1252. */
const windowsFirst = 0x80;
const windowsCodes = Array.from(
  new TextDecoder('windows-1252').decode(Uint8Array.from({ length: 0x20 }, (_, index) => windowsFirst + index)),
  (character) => character.charCodeAt(0),
);

/**
 * The value as servers take it for text: its bytes go out in a head, which most read as Latin-1, as RFC 9112 section 2.2 lets
 * them, and write on in UTF-8. So every byte beyond ASCII is a character there; in Windows-1252, which browsers' decoders
 * mean by Latin-1, some are others. Who reads UTF-8 may write Latin-1. None for a value in ASCII: it is the same in all.
 */
export function misreadings({ id, standIn, value }: ScrubEntry): ScrubEntry[] {
  if (value.every((byte) => byte < windowsFirst)) return [];
  const readings = [inUtf8(value, (byte) => byte)];
  if (value.some((byte) => byte >= windowsFirst && byte < windowsFirst + windowsCodes.length))
    readings.push(inUtf8(value, (byte) => windowsCodes[byte - windowsFirst] ?? byte));
  const codes = codesOf(value);
  if (codes.every((code) => code < 0x100)) readings.push(Buffer.from(codes));
  codes.fill(0);
  return readings.map((reading) => ({ id, standIn, value: reading }));
}

/** Each byte as the character that `codeOf` has for it, in UTF-8. */
function inUtf8(bytes: Uint8Array, codeOf: (byte: number) => number): Buffer {
  const out = Buffer.alloc(bytes.length * 3);
  let length = 0;
  for (const byte of bytes) length += out.write(String.fromCharCode(codeOf(byte)), length, 'utf8');
  return out.subarray(0, length);
}
