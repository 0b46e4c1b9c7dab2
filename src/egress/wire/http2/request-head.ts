import type { Framing, RequestHead } from '../head.ts';
import { maxHeaderLines } from '../header-lines.ts';
import { knownHeader } from '../known-headers.ts';
import { HeadTooLarge, WireError } from '../wire-error.ts';
import { FieldLines } from './field-lines.ts';
import { HeaderField, http2Header } from './header-field.ts';
import type { RequestFields } from './request-fields.ts';

const chunkedLine = line('transfer-encoding', 'chunked', knownHeader.transferEncoding);
const connectionLine = line('connection', 'Upgrade', knownHeader.connection);
const upgradeLine = line('upgrade', 'websocket', knownHeader.upgrade);
const noTokens: readonly string[] = [];
const upgradeTokens: readonly string[] = ['upgrade'];

/**
 * The request as if it had come over HTTP/1.1: what the parser of HTTP/1.1 would make of `lines.text` is what is returned, so
 * judge and writer of HTTP/1.1 serve it as it is. `:authority` is its Host line; pieces of Cookie are one line (RFC 9113 section
 * 8.2.3); content of unknown length is chunked, as is content that trailers are announced for; and a websocket by extended CONNECT (RFC 8441 section 5.1) is a handshake, with
 * `webSocketKey` (16 random bytes in base64) as the key that only HTTP/1.1 has. `about.scheme` is the connection's, which the
 * request must name; `maxBytes` the limit of a head. A WireError says with which status to answer.
 */
export function requestHead(
  { regular, method, scheme, authority, path, protocol }: RequestFields,
  about: { endStream: boolean; scheme: 'http' | 'https'; webSocketKey: string; maxBytes: number },
): RequestHead | WireError {
  if (isTrace(method)) return new WireError(405, 'TRACE (RFC 9110 section 9.3.8)');
  if (protocol !== null && protocol !== 'websocket') {
    return new WireError(501, 'extended CONNECT for other than websocket (RFC 8441 section 5)');
  }
  // RFC 9110 7.4: a request whose scheme is not that of its connection is misdirected.
  if (scheme !== null && scheme !== about.scheme) {
    return new WireError(421, ':scheme other than that of the connection (RFC 9110 section 7.4)');
  }
  // Methods are case-sensitive (RFC 9110 section 9.1); who reads `connect` as CONNECT would open a tunnel behind us.
  if (method !== 'CONNECT' && method.length === 7 && method.toUpperCase() === 'CONNECT') {
    return new WireError(400, 'CONNECT not in upper case (RFC 9110 section 9.1)');
  }
  const hasContent = !about.endStream && method !== 'CONNECT';
  const { contentLength } = regular;
  // RFC 9112 6.2: in HTTP/1.1 trailers stand behind chunks, and no Content-Length may stand beside those.
  const chunked = hasContent && (contentLength === -1 || announcesTrailers(regular));
  const lines: HeaderField[] = [];
  if (regular.host === null) lines.push(line('host', authority, knownHeader.host));
  let expect: string | null = null;
  let cookieAt = -1;
  for (let at = regular.first; at < regular.fields.length; at++) {
    const field = regular.fields[at];
    if (field === undefined) break;
    const { kind, value } = field;
    if (kind === http2Header.cookie && cookieAt !== -1) {
      const before = lines[cookieAt];
      if (before !== undefined) lines[cookieAt] = joinCookies(before, field);
      continue;
    }
    if (kind === http2Header.cookie) cookieAt = lines.length;
    // RFC 9110 7.6.2: only TRACE and OPTIONS have it, to make a hop on the way answer instead of the server.
    if (kind === knownHeader.maxForwards) return new WireError(400, 'Max-Forwards (RFC 9110 section 7.6.2)');
    if (kind === knownHeader.expect) expect = expect === null ? value : `${expect}, ${value}`;
    if (kind === knownHeader.contentLength && chunked) continue;
    // RFC 6455 4.1: only the handshake of HTTP/1.1 has a key; what a client sent as such is not ours.
    if (protocol !== null && field.name === 'sec-websocket-key') continue;
    lines.push(field);
  }
  if (protocol !== null) {
    lines.push(connectionLine, upgradeLine, line('sec-websocket-key', about.webSocketKey, knownHeader.other));
  }
  if (chunked) lines.push(chunkedLine);
  if (lines.length > maxHeaderLines) return new WireError(431, 'over 200 header lines (RFC 6585 section 5)');
  const writtenMethod = protocol === null ? method : 'GET';
  const target = path ?? authority;
  const head = new FieldLines(`${writtenMethod} ${target} HTTP/1.1\r\n`, lines);
  if (head.text.length > about.maxBytes) return new HeadTooLarge(about.maxBytes);
  return {
    lines: head,
    method: writtenMethod,
    target,
    targetForm: path === null ? 'authority' : path === '*' ? 'asterisk' : 'origin',
    minorVersion: 1,
    host: regular.host ?? authority,
    framing: chunked ? { kind: 'chunked' } : framingOf(contentLength),
    keepAlive: true,
    expectContinue: expect !== null && expect.toLowerCase() === '100-continue',
    upgrade: protocol === null ? null : 'websocket',
    connectionTokens: protocol === null ? noTokens : upgradeTokens,
  };
}

function framingOf(contentLength: number): Framing {
  return contentLength === -1 ? { kind: 'none' } : { kind: 'length', length: contentLength };
}

function announcesTrailers({ fields, first }: RequestFields['regular']): boolean {
  return fields.some(({ name }, at) => at >= first && name === 'trailer');
}

/** RFC 9113 8.2.3: "these MUST be concatenated into a single octet string using the two-octet delimiter of 0x3b, 0x20". */
function joinCookies(before: HeaderField, field: HeaderField): HeaderField {
  // An empty piece says nothing, and the delimiter beside it would leave a blank at an end of the value.
  if (field.value === '' || before.value === '') return field.value === '' ? before : field;
  return new HeaderField('cookie', `${before.value}; ${field.value}`, {
    kind: http2Header.cookie,
    flaws: 0,
    neverIndexed: before.neverIndexed || field.neverIndexed,
  });
}

function isTrace(method: string): boolean {
  if (method.length !== 5) return false;
  const upper = method.toUpperCase();
  return upper === 'TRACE' || upper === 'TRACK';
}

function line(name: string, value: string, kind: number): HeaderField {
  return new HeaderField(name, value, { kind, flaws: 0, neverIndexed: false });
}
