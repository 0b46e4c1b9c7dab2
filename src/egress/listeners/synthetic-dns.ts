import { parseHostname } from '../../net/hostname.ts';
import type { GivenNames } from '../given-names.ts';

/**
 * The resolver of one sandbox, without sockets: every name gets an address of its own out of 198.18.0.0/15 (RFC 2544,
 * never routed), nothing is forwarded, and the name comes back from the address that is dialled. An answer goes out to
 * every well-formed query, since silence stalls clients.
 */
const firstAddress = (198 << 24) | (18 << 16) | 1;
/** The last addresses of the range belong to the namespace itself (its own address and its resolver). */
const poolSize = 2 ** 17 - 2 - 256;
const ttlSeconds = 60;

const typeA = 1;
const typePtr = 12;
const classIn = 1;

/** Told of each name that is given an address for the first time, with its number. */
export type NameListener = (number: number, name: string) => void;

/** A resolver that was killed may have given out so many addresses that nobody was told of: they are not given again. */
const untold = 256;

export class SyntheticDns {
  readonly #addresses = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #onName: NameListener;
  #next = 0;

  constructor(onName: NameListener = () => undefined) {
    this.#onName = onName;
  }

  /** Goes on where another resolver of this sandbox ended. */
  goOn({ count, newest }: GivenNames): void {
    this.#next = count - newest.length;
    for (const name of newest) {
      if (name === '') this.#next += 1;
      else this.#give(name);
    }
    this.#next = count + untold;
  }

  /** The name that was given this address, or null. `::ffff:a.b.c.d` is the same address. */
  nameOf(address: string): string | null {
    const number = parseV4(address.replace(/^::ffff:/i, ''));
    return number === null ? null : (this.#names.get(number) ?? null);
  }

  /** The address of a name; the oldest name gives its address up when the range is used up. */
  addressOf(name: string): string {
    const known = this.#addresses.get(name);
    if (known !== undefined) return formatV4(known);
    this.#onName(this.#next, name);
    return formatV4(this.#give(name));
  }

  #give(name: string): number {
    const address = (firstAddress + (this.#next % poolSize)) >>> 0;
    this.#next += 1;
    const previous = this.#names.get(address);
    if (previous !== undefined) this.#addresses.delete(previous);
    this.#addresses.set(name, address);
    this.#names.set(address, name);
    return address;
  }

  /** The answer to one query (RFC 1035 4), or null where it is not a query that can be answered at all. */
  answer(query: Buffer): Buffer | null {
    if (query.length < 12) return null;
    const flags = query.readUInt16BE(2);
    if ((flags & 0x8000) !== 0) return null; // an answer, not a query
    const question = readQuestion(query);
    const opcode = (flags >> 11) & 15;
    if (question === null || opcode !== 0 || query.readUInt16BE(4) !== 1) return reply(query, { rcode: 1 });
    const name = parseHostname(question.name);
    if (question.class !== classIn || question.type === typePtr || name === null)
      return reply(query, { rcode: 3, question });
    // AAAA, HTTPS, MX, ...: the name exists and has no such record, so that clients go on with A at once.
    if (question.type !== typeA) return reply(query, { rcode: 0, question });
    return reply(query, { rcode: 0, question, address: this.addressOf(name) });
  }
}

interface Question {
  name: string;
  type: number;
  class: number;
  end: number;
}

function readQuestion(query: Buffer): Question | null {
  const labels: string[] = [];
  let at = 12;
  for (;;) {
    const length = query[at];
    if (length === undefined || length > 63) return null;
    at += 1;
    if (length === 0) break;
    if (at + length > query.length || at - 12 + length > 255) return null;
    labels.push(query.toString('latin1', at, at + length));
    at += length;
  }
  if (at + 4 > query.length) return null;
  return { name: labels.join('.'), type: query.readUInt16BE(at), class: query.readUInt16BE(at + 2), end: at + 4 };
}

function reply(query: Buffer, answer: { rcode: number; question?: Question; address?: string }): Buffer {
  const question = answer.question === undefined ? Buffer.alloc(0) : query.subarray(12, answer.question.end);
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  // QR, AA, RA, and the client's RD
  header.writeUInt16BE(0x8480 | (query.readUInt16BE(2) & 0x0100) | answer.rcode, 2);
  header.writeUInt16BE(answer.question === undefined ? 0 : 1, 4);
  if (answer.address === undefined) return Buffer.concat([header, question]);
  header.writeUInt16BE(1, 6);
  const record = Buffer.alloc(16);
  record.writeUInt16BE(0xc00c, 0); // the name of the question
  record.writeUInt16BE(typeA, 2);
  record.writeUInt16BE(classIn, 4);
  record.writeUInt32BE(ttlSeconds, 6);
  record.writeUInt16BE(4, 10);
  for (const [index, part] of answer.address.split('.').entries()) record[12 + index] = Number(part);
  return Buffer.concat([header, question, record]);
}

function parseV4(text: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  return match.slice(1).reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0);
}

function formatV4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}
