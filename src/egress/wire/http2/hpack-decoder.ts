import { maxHeadBytes } from '../head-end.ts';
import { HeadTooLarge, WireError } from '../wire-error.ts';
import { DynamicTable } from './dynamic-table.ts';
import { ConnectionFault } from './fault.ts';
import { classifyName, fieldFlaw, HeaderField, isFieldValue, malformedName } from './header-field.ts';
import { IntegerReader } from './hpack-integer.ts';
import { huffmanBound, huffmanDecode } from './huffman.ts';
import { defaultHeaderTableBytes, errorCode } from './protocol.ts';
import { staticEntries, staticFields } from './static-table.ts';

/** How many fields a list may have; each may be as small as one octet on the wire. */
export const maxFields = 256;

const tooMany = new WireError(431, `over ${maxFields} header fields (RFC 6585 section 5)`);

/** Where strings of every connection are decoded, one after the other. */
let scratch = Buffer.allocUnsafeSlow(4096);

const indexedBit = 0x80;
const incrementalBit = 0x40;
const sizeUpdateBit = 0x20;
const neverIndexedBit = 0x10;
const huffmanBit = 0x80;

/** Decodes the header blocks of one connection in their order (RFC 7541). After a fault it is of no more use. */
export class HpackDecoder {
  /** After a decode: why the fields of the list were not kept, which was over its limit or {@link maxFields}; null: they were. */
  tooLarge: WireError | null = null;
  readonly #limit: number;
  readonly #table = new DynamicTable();
  readonly #integer = new IntegerReader();
  #bytes: Buffer = scratch;
  #end = 0;
  /** The string that was read last, in `#source[#from, #to)`. */
  #source: Buffer = scratch;
  #from = 0;
  #to = 0;

  /** `limit`: what the fields of one list may count together (RFC 9113 sections 6.5.2 and 10.5.1). */
  constructor(limit: number = maxHeadBytes) {
    this.#limit = limit;
  }

  get tableBytes(): number {
    return this.#table.bytes;
  }

  /**
   * The fields of the block in `bytes[start, end)`. Nothing of `bytes` is kept. A list that is too large is decoded to its
   * end, since later blocks depend on it, but comes back empty with `tooLarge`.
   */
  decode(bytes: Buffer, start: number, end: number): HeaderField[] | ConnectionFault {
    const fields = this.#decode(bytes, start, end);
    this.#bytes = scratch;
    this.#source = scratch;
    return fields;
  }

  #decode(bytes: Buffer, start: number, end: number): HeaderField[] | ConnectionFault {
    const fields: HeaderField[] = [];
    let listBytes = 0;
    let updates = 0;
    let at = start;
    this.tooLarge = null;
    this.#bytes = bytes;
    this.#end = end;
    while (at < end) {
      const first = bytes[at] ?? 0;
      let field: HeaderField | undefined;
      if (first >= indexedBit) {
        const index = this.#readInteger(at, 0x7f);
        at = this.#integer.next;
        if (at !== -1) field = index <= staticEntries ? this.#static(index) : this.#table.at(index - staticEntries - 1);
        if (field === undefined) return broken('index outside the tables (RFC 7541 section 2.3.3)');
      } else if (first >= sizeUpdateBit && first < incrementalBit) {
        const limit = this.#readInteger(at, 0x1f);
        at = this.#integer.next;
        // RFC 7541 4.2: "This dynamic table size update MUST occur at the beginning of the first header block following the
        // change"; two at most have a meaning. 6.3: "MUST be lower than or equal to the limit".
        if (
          at === -1 ||
          limit > defaultHeaderTableBytes ||
          fields.length > 0 ||
          this.tooLarge !== null ||
          ++updates > 2
        ) {
          return broken('table size update out of place or over its limit (RFC 7541 section 6.3)');
        }
        this.#table.resize(limit);
        continue;
      } else {
        const literal = this.#readLiteral(at, first);
        if (literal === null) return broken('literal that cannot be decoded (RFC 7541 section 6.2)');
        field = literal;
        at = this.#integer.next;
      }
      listBytes += field.size;
      if (listBytes <= this.#limit && fields.length < maxFields) {
        if (this.tooLarge === null) fields.push(field);
      } else if (this.tooLarge === null) {
        this.tooLarge = listBytes > this.#limit ? new HeadTooLarge(this.#limit) : tooMany;
        fields.length = 0;
      }
    }
    return fields;
  }

  #static(index: number): HeaderField | undefined {
    return index === 0 ? undefined : staticFields[index];
  }

  #readInteger(at: number, mask: number): number {
    const first = (this.#bytes[at] ?? 0) & mask;
    if (first < mask) {
      this.#integer.next = at + 1;
      return first;
    }
    return this.#integer.readLong(this.#bytes, at + 1, { mask, end: this.#end });
  }

  /** RFC 7541 section 6.2, the field at `at` whose first octet is `first`. Null: it cannot be decoded. */
  #readLiteral(at: number, first: number): HeaderField | null {
    const incremental = first >= incrementalBit;
    const index = this.#readInteger(at, incremental ? 0x3f : 0x0f);
    let next = this.#integer.next;
    if (next === -1) return null;
    let name: string;
    let kind: number;
    if (index === 0) {
      next = this.#readString(next);
      if (next === -1) return null;
      name = this.#source.toString('latin1', this.#from, this.#to);
      kind = classifyName(name, this.#source, { start: this.#from, end: this.#to });
    } else {
      const named = index <= staticEntries ? staticFields[index] : this.#table.at(index - staticEntries - 1);
      if (named === undefined) return null;
      name = named.name;
      kind = (named.flaws & fieldFlaw.name) === 0 ? named.kind : malformedName;
    }
    next = this.#readString(next);
    if (next === -1) return null;
    const flaws =
      (kind === malformedName ? fieldFlaw.name : 0) |
      (isFieldValue(this.#source, this.#from, this.#to) ? 0 : fieldFlaw.value);
    const field = new HeaderField(name, this.#source.toString('latin1', this.#from, this.#to), {
      kind: kind === malformedName ? 0 : kind,
      flaws,
      neverIndexed: !incremental && (first & neverIndexedBit) !== 0,
    });
    if (incremental) this.#table.add(field);
    this.#integer.next = next;
    return field;
  }

  /** RFC 7541 section 5.2. Returns the index after the string, or -1. */
  #readString(at: number): number {
    if (at >= this.#end) return -1;
    const length = this.#readInteger(at, 0x7f);
    const start = this.#integer.next;
    if (start === -1 || length > this.#end - start) return -1;
    const end = start + length;
    if (((this.#bytes[at] ?? 0) & huffmanBit) === 0) {
      this.#source = this.#bytes;
      this.#from = start;
      this.#to = end;
      return end;
    }
    const bound = huffmanBound(length);
    if (bound > scratch.length) scratch = Buffer.allocUnsafeSlow(bound);
    const decoded = huffmanDecode(this.#bytes, { start, end }, scratch);
    this.#source = scratch;
    this.#from = 0;
    this.#to = decoded;
    return decoded === -1 ? -1 : end;
  }
}

function broken(reason: string): ConnectionFault {
  // RFC 9113 4.3: "A decoding error in a field block MUST be treated as a connection error of type COMPRESSION_ERROR."
  return new ConnectionFault(errorCode.compressionError, reason);
}
