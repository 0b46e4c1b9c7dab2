import { characterClass, fieldBit, tokenBit } from '../characters.ts';
import { headerKind, knownHeader } from '../known-headers.ts';

/**
 * Pseudo-header fields (RFC 9113 section 8.3, RFC 8441 section 4), and the one other name that HTTP/2 treats apart: numbers
 * above all those of `knownHeader`.
 */
export const http2Header = {
  /** RFC 9113 section 8.2.3: may come in several pieces. */
  cookie: 99,
  /** From here on: names that begin with a colon. */
  pseudo: 100,
  method: 101,
  scheme: 102,
  authority: 103,
  path: 104,
  protocol: 105,
  status: 106,
} as const;

const pseudoKinds: ReadonlyMap<string, number> = new Map([
  [':method', http2Header.method],
  [':scheme', http2Header.scheme],
  [':authority', http2Header.authority],
  [':path', http2Header.path],
  [':protocol', http2Header.protocol],
  [':status', http2Header.status],
]);

/** What makes a field malformed by itself, as bits of `HeaderField.flaws` (RFC 9113 section 8.2.1). */
export const fieldFlaw = { name: 1, value: 2 } as const;

const colon = 0x3a;
const space = 0x20;
const tab = 0x09;

/** One header field. Immutable but for the encoder's notes: one that a table holds is shared by every list it stands in. */
export class HeaderField {
  /** Latin1, lower-case unless `flaws` says otherwise. */
  readonly name: string;
  /** Latin1. Empty where `bytes` has the value. */
  readonly value: string;
  /** A number of `knownHeader` or `http2Header`; 0 for any other name. */
  readonly kind: number;
  readonly flaws: number;
  /** RFC 7541 section 7.1.3: no hop may put it into a table. */
  readonly neverIndexed: boolean;
  /** A value that must not become a string: a credential. It is never indexed. */
  readonly bytes: Buffer | null;
  /** Where the encoder of that number put it last: an entry, or minus the index in the static table. 0: nowhere. */
  encoder = 0;
  entry = 0;
  #line: string | null = null;

  constructor(
    name: string,
    value: string,
    about: { kind: number; flaws: number; neverIndexed: boolean; bytes?: Buffer | null },
  ) {
    this.name = name;
    this.value = value;
    this.kind = about.kind;
    this.flaws = about.flaws;
    this.neverIndexed = about.neverIndexed;
    this.bytes = about.bytes ?? null;
  }

  /** As HTTP/1.1 would write it, with its CRLF. */
  get line(): string {
    return (this.#line ??= `${this.name}: ${this.value}\r\n`);
  }

  /** RFC 7541 section 4.1: what it counts in a table or a list. */
  get size(): number {
    return this.name.length + (this.bytes === null ? this.value.length : this.bytes.length) + 32;
  }
}

/** A field for sending. Nothing is judged: `name` must be a lower-case token (or a pseudo-header's), `value` latin1 field content. */
export function outgoingField(name: string, value: string): HeaderField {
  return new HeaderField(name, value, { kind: knownHeader.other, flaws: 0, neverIndexed: false });
}

/** A field whose value is a credential: it is sent as it is, and no table ever has it. */
export function secretField(name: string, bytes: Buffer): HeaderField {
  return new HeaderField(name, '', { kind: knownHeader.other, flaws: 0, neverIndexed: true, bytes });
}

/** The kind of the name in `bytes[start, end)`, which is `name`, with {@link fieldFlaw}.name set as bit 8 where it is malformed. */
export function classifyName(name: string, bytes: Uint8Array, { start, end }: { start: number; end: number }): number {
  if (bytes[start] === colon && end > start) return pseudoKinds.get(name) ?? http2Header.pseudo;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    // RFC 9113 8.2.1: "A field name MUST NOT contain characters in the ranges 0x00-0x20, 0x41-0x5a, or 0x7f-0xff". All
    // that is not a token of RFC 9110 is refused.
    if (((characterClass[byte] ?? 0) & tokenBit) === 0 || (byte >= 0x41 && byte <= 0x5a)) return malformedName;
  }
  if (start === end) return malformedName;
  return name === 'cookie' ? http2Header.cookie : headerKind(bytes, start, end);
}

/** What {@link classifyName} says of a name that no message may have. */
export const malformedName = 256;

/**
 * RFC 9113 8.2.1: "A field value MUST NOT contain the zero value, line feed, or carriage return at any position. A field
 * value MUST NOT start or end with an ASCII whitespace character". Other controls are no field content (RFC 9110 section 5.5).
 */
export function isFieldValue(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  for (let at = start; at < end; at++) {
    if (((characterClass[bytes[at] ?? 0] ?? 0) & fieldBit) === 0) return false;
  }
  const first = bytes[start];
  const last = bytes[end - 1];
  return first !== space && first !== tab && last !== space && last !== tab;
}
