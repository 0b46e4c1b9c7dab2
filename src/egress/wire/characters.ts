/** What a byte may be part of, as bits of {@link characterClass}. */
export const tokenBit = 1;
export const fieldBit = 2;
export const targetBit = 4;

/** The classes of each byte. */
export const characterClass = new Uint8Array(256);

// RFC 9110 section 5.6.2: tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~"
// / DIGIT / ALPHA
const tchar = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;

for (let byte = 0; byte < 256; byte++) {
  const visible = byte >= 0x21 && byte <= 0x7e;
  const character = String.fromCharCode(byte);
  let bits = 0;
  if (visible && tchar.test(character)) bits |= tokenBit;
  // RFC 9110 section 5.5: field-vchar = VCHAR / obs-text, with SP and HTAB between them.
  if (visible || byte === 0x20 || byte === 0x09 || byte >= 0x80) bits |= fieldBit;
  // RFC 9112 section 3.2: no whitespace in a request target; RFC 3986: ASCII only. A fragment is never sent (section
  // 3.2.1 knows path and query). What else RFC 3986 would have escaped (`|`, `{`, ...) clients do send: it goes through
  // byte for byte.
  if (visible && character !== '#') bits |= targetBit;
  characterClass[byte] = bits;
}

/** RFC 9110 section 5.6.2: whether `text` is a token. */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (((characterClass[text.charCodeAt(i)] ?? 0) & tokenBit) === 0) return false;
  }
  return text !== '';
}
