/** More than any length or index that can be meant, and far from where 32 bits end. */
const largest = 0x0fff_ffff;

/** Reads the integers of RFC 7541 section 5.1; one for each decoder, so that two results need no object. */
export class IntegerReader {
  /** After a read: the index after the integer, or -1 where it is cut off, too long or too large. */
  next = 0;

  /** The rest of an integer whose prefix, the low bits `mask` of the octet before `from`, is full; all of it before `end`. */
  readLong(bytes: Uint8Array, from: number, { mask, end }: { mask: number; end: number }): number {
    let value = mask;
    let shift = 0;
    let at = from;
    // "Excessively large integer encodings -- in value or octet length -- MUST be treated as decoding errors."
    for (; at < end && shift <= 21; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      this.next = value > largest ? -1 : at;
      return value;
    }
    this.next = -1;
    return 0;
  }
}
