/**
 * The server name a TLS client asks for, read from its ClientHello without answering it (RFC 8446 4.1.2, RFC 6066 3).
 * Pure: bytes in, an answer out.
 */
export type ClientHello =
  | { kind: 'hello'; /** As sent, or null: none. Not yet judged as a host name. */ serverName: string | null }
  | { kind: 'more' }
  | { kind: 'refused'; reason: string };

/** More than any real ClientHello, post-quantum key shares included. */
export const maxClientHello = 32 * 1024;

const more: ClientHello = { kind: 'more' };

/**
 * Reads a first flight as it comes. RFC 8446 5.1: a handshake message may be split over records; joins them when the ClientHello
 * is whole. No record is looked at again when more comes: thousands of one byte each, byte by byte, would take seconds.
 */
export class ClientHelloReader {
  /** Where the next record begins. */
  #at = 0;
  /** Beginnings and ends of what the records before it hold. */
  readonly #fragments: number[] = [];
  #held = 0;
  #needed: number | null = null;

  /** `bytes`: all that has come, what was given before first. Not to be called after another answer than `more`. */
  read(bytes: Buffer): ClientHello {
    for (;;) {
      const at = this.#at;
      if (at + 5 > bytes.length) return incomplete(bytes);
      if (bytes[at] !== 0x16 || bytes[at + 1] !== 3) return refused('not a TLS handshake');
      const length = bytes.readUInt16BE(at + 3);
      if (length === 0 || length > 16_384) return refused('a TLS record of an impossible length');
      const end = at + 5 + length;
      if (end > bytes.length) return incomplete(bytes);
      this.#fragments.push(at + 5, end);
      this.#held += length;
      this.#at = end;
      if (this.#needed === null && this.#held >= 4) {
        const start = this.#join(bytes);
        if (start[0] !== 1) return refused('not a ClientHello');
        this.#needed = 4 + start.readUIntBE(1, 3);
        if (this.#needed > maxClientHello) return refused('the ClientHello is too long');
      }
      if (this.#needed !== null && this.#held >= this.#needed)
        return readBody(this.#join(bytes).subarray(4, this.#needed));
    }
  }

  #join(bytes: Buffer): Buffer {
    const [start, end] = this.#fragments;
    if (this.#fragments.length === 2) return bytes.subarray(start, end);
    const parts: Buffer[] = [];
    for (let i = 0; i < this.#fragments.length; i += 2) {
      parts.push(bytes.subarray(this.#fragments[i], this.#fragments[i + 1]));
    }
    return Buffer.concat(parts, this.#held);
  }
}

function incomplete(bytes: Buffer): ClientHello {
  return bytes.length >= maxClientHello ? refused('the ClientHello is too long') : more;
}

function readBody(body: Buffer): ClientHello {
  // legacy_version, random, legacy_session_id, cipher_suites, legacy_compression_methods, extensions
  let at = 2 + 32;
  at += 1 + (body[at] ?? 0);
  if (at + 2 > body.length) return refused('a cut ClientHello');
  at += 2 + body.readUInt16BE(at);
  at += 1 + (body[at] ?? 0);
  if (at > body.length) return refused('a cut ClientHello');
  if (at === body.length) return { kind: 'hello', serverName: null };
  if (at + 2 > body.length || at + 2 + body.readUInt16BE(at) !== body.length) return refused('cut TLS extensions');
  at += 2;
  let named: ClientHello | null = null;
  while (at + 4 <= body.length) {
    const type = body.readUInt16BE(at);
    const end = at + 4 + body.readUInt16BE(at + 2);
    if (end > body.length) return refused('a cut TLS extension');
    if (type === 0) {
      // RFC 8446 4.2: "There MUST NOT be more than one extension of the same type". Another reader could take the other.
      if (named !== null) return refused('two server names');
      named = readServerName(body.subarray(at + 4, end));
      if (named.kind === 'refused') return named;
    }
    at = end;
  }
  return at === body.length ? (named ?? { kind: 'hello', serverName: null }) : refused('cut TLS extensions');
}

/** RFC 6066 3: a list with one name of type host_name. */
function readServerName(extension: Buffer): ClientHello {
  if (extension.length < 5 || extension.readUInt16BE(0) !== extension.length - 2)
    return refused('a malformed server name');
  const length = extension.readUInt16BE(3);
  if (extension[2] !== 0 || length !== extension.length - 5 || length === 0) return refused('a malformed server name');
  return { kind: 'hello', serverName: extension.toString('latin1', 5) };
}

function refused(reason: string): ClientHello {
  return { kind: 'refused', reason };
}
