import { huffmanLengths } from './huffman-code.ts';

/** Bits that one look into the table takes: enough for every character that header fields usually have. */
const lookBits = 9;
const lookMask = (1 << lookBits) - 1;
const longest = 30;
const endOfString = 256;

/** By the next nine bits: the octet times 16 plus its code's length, or 0 for a code that is longer. */
const short = new Uint16Array(1 << lookBits);
/** The first code of each length, how many there are, and where their symbols begin in `symbols`. */
const firstCode = new Uint32Array(longest + 1);
const codeCount = new Uint16Array(longest + 1);
const symbolsFrom = new Uint16Array(longest + 1);
const symbols = new Uint16Array(huffmanLengths.length);

{
  let code = 0;
  let filled = 0;
  for (let length = 1; length <= longest; length++) {
    code *= 2;
    firstCode[length] = code;
    symbolsFrom[length] = filled;
    for (let symbol = 0; symbol < huffmanLengths.length; symbol++) {
      if (huffmanLengths[symbol] !== length) continue;
      symbols[filled++] = symbol;
      if (length <= lookBits) {
        const from = code << (lookBits - length);
        short.fill((symbol << 4) | length, from, from + (1 << (lookBits - length)));
      }
      code++;
    }
    codeCount[length] = filled - (symbolsFrom[length] ?? 0);
  }
}

/** No octet's code is shorter than five bits, so that many octets at most come of `length` encoded ones. */
export function huffmanBound(length: number): number {
  return Math.floor((length * 8) / 5);
}

/**
 * Decodes `source[start, end)` (RFC 7541 section 5.2) into `target` from its beginning; `target` must have room for
 * {@link huffmanBound}. Returns how many octets came of it, or -1 for what no encoder may send: EOS, or a padding that is
 * longer than seven bits or not the beginning of EOS.
 */
export function huffmanDecode(
  source: Uint8Array,
  { start, end }: { start: number; end: number },
  target: Uint8Array,
): number {
  let at = start;
  let bits = 0;
  let count = 0;
  let out = 0;
  for (;;) {
    while (count <= 24 && at < end) {
      bits = (bits << 8) | (source[at++] ?? 0);
      count += 8;
    }
    while (count >= lookBits) {
      const entry = short[(bits >>> (count - lookBits)) & lookMask] ?? 0;
      if (entry === 0) break;
      target[out++] = entry >>> 4;
      count -= entry & 15;
    }
    if (count >= lookBits) {
      // A code of ten bits or more: bit by bit, for such characters are rare.
      let length = lookBits;
      count -= lookBits;
      let code = (bits >>> count) & lookMask;
      let symbol = -1;
      while (symbol === -1) {
        if (count === 0) {
          if (at === end) return -1;
          bits = source[at++] ?? 0;
          count = 8;
        }
        count--;
        code = code * 2 + ((bits >>> count) & 1);
        length++;
        const past = code - (firstCode[length] ?? 0);
        if (past < (codeCount[length] ?? 0)) symbol = symbols[(symbolsFrom[length] ?? 0) + past] ?? endOfString;
      }
      if (symbol === endOfString) return -1;
      target[out++] = symbol;
    } else if (at === end) {
      break;
    }
  }
  while (count > 0) {
    // Fewer than nine bits are left: filled up with ones, as the padding is.
    const missing = lookBits - count;
    const entry = short[((bits << missing) | ((1 << missing) - 1)) & lookMask] ?? 0;
    const length = entry & 15;
    if (length === 0 || length > count) break;
    target[out++] = entry >>> 4;
    count -= length;
  }
  const padding = (1 << count) - 1;
  return count < 8 && (bits & padding) === padding ? out : -1;
}
