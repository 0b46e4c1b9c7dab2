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

/** Reads the first flight collected so far. `more`: not enough bytes yet. */
export function readClientHello(bytes: Buffer): ClientHello {
  const handshake = collectHandshake(bytes);
  if (!Buffer.isBuffer(handshake)) return handshake;
  return readBody(handshake);
}

/** RFC 8446 5.1: a handshake message may be split over records; joins them until the ClientHello is whole. */
function collectHandshake(bytes: Buffer): Buffer | ClientHello {
  const parts: Buffer[] = [];
  let held = 0;
  let needed: number | null = null;
  let at = 0;
  for (;;) {
    if (at + 5 > bytes.length) return bytes.length >= maxClientHello ? refused('the ClientHello is too long') : more;
    if (bytes[at] !== 0x16 || bytes[at + 1] !== 3) return refused('not a TLS handshake');
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > 16_384) return refused('a TLS record of an impossible length');
    const end = at + 5 + length;
    if (end > bytes.length) return bytes.length >= maxClientHello ? refused('the ClientHello is too long') : more;
    parts.push(bytes.subarray(at + 5, end));
    held += length;
    at = end;
    // Joined when it is whole, not at every record: thousands of one byte each would stop the process for seconds.
    if (needed === null && held >= 4) {
      const start = Buffer.concat(parts, held);
      if (start[0] !== 1) return refused('not a ClientHello');
      needed = 4 + start.readUIntBE(1, 3);
      if (needed > maxClientHello) return refused('the ClientHello is too long');
    }
    if (needed !== null && held >= needed) return Buffer.concat(parts, held).subarray(4, needed);
  }
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
  while (at + 4 <= body.length) {
    const type = body.readUInt16BE(at);
    const end = at + 4 + body.readUInt16BE(at + 2);
    if (end > body.length) return refused('a cut TLS extension');
    if (type === 0) return readServerName(body.subarray(at + 4, end));
    at = end;
  }
  return at === body.length ? { kind: 'hello', serverName: null } : refused('cut TLS extensions');
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
