import { characterClass, tokenBit } from './wire/characters.ts';

/** What a byte stream is by its beginning. `more`: it cannot be told yet. */
export type FirstBytes = 'more' | 'tls' | 'http' | 'http2' | 'other';

const tlsHandshakeRecord = 0x16;
const space = 0x20;
/** As the parser of request heads has it. */
const maxMethodLength = 32;
/** RFC 9113 section 3.4: how a client that knows beforehand begins HTTP/2. */
const http2Preface = Buffer.from('PRI * HTTP/2.0', 'latin1');

/** CONNECT takes a host there; whoever asks for one inside a tunnel is told so in HTTP. */
const connect = Buffer.from('CONNECT', 'latin1');
/** RFC 9112 section 3.2: `/` of a path, `http` of an absolute URL, `*`. Other protocols have words there. */
const targetStarts = new Set(Buffer.from('/hH*', 'latin1'));

/**
 * Tells TLS and HTTP from what is neither by the first bytes: a handshake record (RFC 8446 section 5.1), or a method,
 * a space and how a target begins (RFC 9112 section 3). Pure. Whether it is good TLS or HTTP is for their readers to say.
 */
export function readFirstBytes(bytes: Buffer): FirstBytes {
  if (bytes[0] === tlsHandshakeRecord) return 'tls';
  const length = Math.min(bytes.length, http2Preface.length);
  if (bytes.compare(http2Preface, 0, length, 0, length) === 0) return length < http2Preface.length ? 'more' : 'http2';
  let at = 0;
  while (at <= maxMethodLength && ((characterClass[bytes[at] ?? 0] ?? 0) & tokenBit) !== 0) at++;
  if (at > maxMethodLength) return 'other';
  if (at === bytes.length) return 'more';
  if (at === 0 || bytes[at] !== space) return 'other';
  if (at === connect.length && bytes.subarray(0, at).equals(connect)) return 'http';
  const target = bytes[at + 1];
  if (target === undefined) return 'more';
  return targetStarts.has(target) ? 'http' : 'other';
}
