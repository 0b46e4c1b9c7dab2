import { EncoderTable } from './encoder-table.ts';
import type { NameSlot } from './encoder-table.ts';
import type { HeaderField } from './header-field.ts';
import type { Output } from './output.ts';
import { defaultHeaderTableBytes } from './protocol.ts';

/** RFC 7541 section 7.1.3: values that no hop after us shall index either, whoever wrote them. */
const credentials = new Set(['authorization', 'proxy-authorization']);

/** A field over this part of the table would push out more than it could save. */
const largestShare = 4;

const indexed = { prefix: 0x80, mask: 0x7f };
const incremental = { prefix: 0x40, mask: 0x3f };
const sizeUpdate = { prefix: 0x20, mask: 0x1f };
const neverIndexed = { prefix: 0x10, mask: 0x0f };
const notIndexed = { prefix: 0x00, mask: 0x0f };
const rawString = { prefix: 0x00, mask: 0x7f };
type Representation = typeof indexed;

/** A prefixed integer of 32 bits takes no more than this. */
const integerBytes = 6;
/** Below this, a loop is faster than a call into the runtime. */
const shortText = 12;

let encoders = 0;

/**
 * Encodes the header blocks of one connection in their order (RFC 7541).
 *
 * A value is indexed when its name comes for the first time, and from then on when it comes twice running: so fields that
 * stay the same cost an octet each, and those that change with each message do not push them out. Strings are sent without
 * Huffman coding: what is the same is not sent again anyway, and for what changes it costs more than the octets that it saves.
 */
export class HpackEncoder {
  readonly #table = new EncoderTable();
  readonly #id = ++encoders;
  /** The smallest and the last limit that the peer set since the last block; -1: none. */
  #smallest = -1;
  #limit = -1;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE, in octets. More than 4096 we do not use. */
  limitTable(bytes: number): void {
    const limit = Math.min(bytes, defaultHeaderTableBytes);
    if (limit === (this.#limit === -1 ? this.#table.limit : this.#limit)) return;
    this.#smallest = this.#smallest === -1 ? limit : Math.min(this.#smallest, limit);
    this.#limit = limit;
  }

  /** Writes the block of `fields`, without any frame. */
  encode(fields: readonly HeaderField[], out: Output): void {
    if (this.#limit !== -1) this.#announceLimit(out);
    for (const field of fields) this.#encodeField(field, out);
  }

  /** RFC 7541 4.2: "the smallest maximum size that occurs in that interval MUST be signaled", then the final one. */
  #announceLimit(out: Output): void {
    out.reserve(2 * integerBytes);
    if (this.#smallest < this.#limit) {
      this.#table.resize(this.#smallest);
      putInteger(out, this.#smallest, sizeUpdate);
    }
    this.#table.resize(this.#limit);
    putInteger(out, this.#limit, sizeUpdate);
    this.#smallest = -1;
    this.#limit = -1;
  }

  #encodeField(field: HeaderField, out: Output): void {
    if (field.entry < 0) {
      out.reserve(integerBytes);
      putInteger(out, -field.entry, indexed);
      return;
    }
    if (field.encoder === this.#id) {
      const index = this.#table.indexOf(field.entry);
      if (index !== 0) {
        out.reserve(integerBytes);
        putInteger(out, index, indexed);
        return;
      }
    }
    this.#lookUp(field, out);
  }

  #lookUp(field: HeaderField, out: Output): void {
    const { name, value } = field;
    const slot = this.#table.slot(name);
    if (field.neverIndexed || credentials.has(name)) {
      this.#literal(field, { slot, representation: neverIndexed, out });
      return;
    }
    if (slot !== undefined) {
      const inStatic = slot.inStatic?.values.get(value);
      const entry = inStatic === undefined ? this.#table.find(slot, value) : -inStatic;
      if (entry !== 0) {
        field.encoder = this.#id;
        field.entry = entry;
        out.reserve(integerBytes);
        putInteger(out, entry < 0 ? -entry : this.#table.indexOf(entry), indexed);
        return;
      }
    }
    const fits = field.size <= this.#table.limit / largestShare;
    const repeated = slot === undefined || slot.missed === value || (slot.missed === null && slot.entries.length === 0);
    if (!fits || !repeated) {
      if (fits && slot !== undefined) slot.missed = value;
      this.#literal(field, { slot, representation: notIndexed, out });
      return;
    }
    // The name's index is that before the new entry: it may be the very entry that goes.
    this.#literal(field, { slot, representation: incremental, out });
    field.encoder = this.#id;
    field.entry = this.#table.add(slot ?? null, field);
  }

  #literal(
    field: HeaderField,
    { slot, representation, out }: { slot: NameSlot | undefined; representation: Representation; out: Output },
  ): void {
    const { name, value, bytes } = field;
    out.reserve(name.length + (bytes === null ? value.length : bytes.length) + 3 * integerBytes);
    const named = slot === undefined ? 0 : this.#nameIndex(slot);
    putInteger(out, named, representation);
    if (named === 0) putText(out, name);
    if (bytes === null) {
      putText(out, value);
      return;
    }
    putInteger(out, bytes.length, rawString);
    out.copy(bytes, 0, bytes.length);
    out.secret = true;
  }

  #nameIndex({ inStatic, entries }: NameSlot): number {
    if (inStatic !== null) return inStatic.index;
    const newest = entries[entries.length - 1];
    return newest === undefined ? 0 : this.#table.indexOf(newest.id);
  }
}

/** RFC 7541 section 5.1. There must be room. */
function putInteger(out: Output, value: number, { prefix, mask }: Representation): void {
  const { bytes } = out;
  if (value < mask) {
    bytes[out.size++] = prefix | value;
    return;
  }
  bytes[out.size++] = prefix | mask;
  let rest = value - mask;
  while (rest >= 0x80) {
    bytes[out.size++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[out.size++] = rest;
}

/** RFC 7541 section 5.2, latin1. There must be room. */
function putText(out: Output, text: string): void {
  const { length } = text;
  putInteger(out, length, rawString);
  const { bytes, size } = out;
  if (length < shortText) for (let i = 0; i < length; i++) bytes[size + i] = text.charCodeAt(i);
  else bytes.write(text, size, 'latin1');
  out.size = size + length;
}
