import { defaultHeaderTableBytes } from './protocol.ts';
import type { HeaderField } from './header-field.ts';

/** A field counts 32 octets and its own, so no more than this many fit. A power of two: positions are masked. */
const slots = defaultHeaderTableBytes / 32;

/** The decoder's dynamic table (RFC 7541 section 2.3.2), which our settings leave at 4096 octets. */
export class DynamicTable {
  #ring: (HeaderField | undefined)[] | null = null;
  /** Where the next field goes; it only grows, and is masked for use. */
  #next = 0;
  #count = 0;
  #bytes = 0;
  #limit = defaultHeaderTableBytes;

  get count(): number {
    return this.#count;
  }

  /** RFC 7541 section 4.1. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The field of that age, 0 being the newest. */
  at(age: number): HeaderField | undefined {
    return age < this.#count ? this.#ring?.[(this.#next - 1 - age) & (slots - 1)] : undefined;
  }

  add(field: HeaderField): void {
    const { size } = field;
    this.#evict(this.#limit - size);
    // RFC 7541 4.4: "an attempt to add an entry larger than the maximum size causes the table to be emptied"
    if (size > this.#limit) return;
    this.#ring ??= [];
    this.#ring[this.#next & (slots - 1)] = field;
    this.#next = (this.#next + 1) & 0x3fff_ffff;
    this.#count++;
    this.#bytes += size;
  }

  /** RFC 7541 section 4.3. */
  resize(limit: number): void {
    this.#limit = limit;
    this.#evict(limit);
  }

  #evict(limit: number): void {
    while (this.#count > 0 && this.#bytes > limit) {
      const oldest = (this.#next - this.#count) & (slots - 1);
      this.#bytes -= this.#ring?.[oldest]?.size ?? 0;
      if (this.#ring !== null) this.#ring[oldest] = undefined;
      this.#count--;
    }
  }
}
