/** Header names that the proxy itself has something to say about, as small numbers. */
export const knownHeader = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  expect: 4,
  maxForwards: 5,
  altSvc: 6,
  standinError: 7,
  acceptEncoding: 8,
  contentEncoding: 9,
  range: 10,
  ifRange: 11,
  aIm: 12,
  grpcAcceptEncoding: 13,
  connectAcceptEncoding: 14,
  webSocketExtensions: 15,
  // From here on: fields of one connection, never forwarded (RFC 9110 section 7.6.1).
  connection: 16,
  upgrade: 17,
  keepAlive: 18,
  te: 19,
  proxyConnection: 20,
  proxyAuthorization: 21,
  proxyAuthenticate: 22,
  proxyAuthenticationInfo: 23,
  http2Settings: 24,
} as const;

const names: readonly (readonly [string, number])[] = [
  ['host', knownHeader.host],
  ['content-length', knownHeader.contentLength],
  ['transfer-encoding', knownHeader.transferEncoding],
  ['expect', knownHeader.expect],
  ['max-forwards', knownHeader.maxForwards],
  ['alt-svc', knownHeader.altSvc],
  ['x-standin-error', knownHeader.standinError],
  ['accept-encoding', knownHeader.acceptEncoding],
  ['content-encoding', knownHeader.contentEncoding],
  ['range', knownHeader.range],
  ['if-range', knownHeader.ifRange],
  ['a-im', knownHeader.aIm],
  ['grpc-accept-encoding', knownHeader.grpcAcceptEncoding],
  ['connect-accept-encoding', knownHeader.connectAcceptEncoding],
  ['sec-websocket-extensions', knownHeader.webSocketExtensions],
  ['connection', knownHeader.connection],
  ['upgrade', knownHeader.upgrade],
  ['keep-alive', knownHeader.keepAlive],
  ['te', knownHeader.te],
  ['proxy-connection', knownHeader.proxyConnection],
  ['proxy-authorization', knownHeader.proxyAuthorization],
  ['proxy-authenticate', knownHeader.proxyAuthenticate],
  ['proxy-authentication-info', knownHeader.proxyAuthenticationInfo],
  ['http2-settings', knownHeader.http2Settings],
];

/** By length and first letter, which no two of them share: most names are known for another after one look. */
const byShape: ({ bytes: Buffer; kind: number } | undefined)[] = Array.from({ length: 1024 }, () => undefined);
for (const [name, kind] of names) {
  const shape = shapeOf(name.length, name.charCodeAt(0));
  if (byShape[shape] !== undefined) throw new Error(`two known headers look like ${name}`);
  byShape[shape] = { bytes: Buffer.from(name, 'latin1'), kind };
}

/** Of names up to 31 characters. */
function shapeOf(length: number, first: number): number {
  return (length << 5) | (first & 0x1f);
}

/** The number of the header name in `buffer[start, end)`, whatever its case. The bytes must be token characters. */
export function headerKind(buffer: Uint8Array, start: number, end: number): number {
  const known = end - start > 31 ? undefined : byShape[shapeOf(end - start, buffer[start] ?? 0)];
  if (known === undefined) return knownHeader.other;
  const { bytes, kind } = known;
  for (let i = 0; i < bytes.length; i++) if (lower(buffer[start + i] ?? 0) !== bytes[i]) return knownHeader.other;
  return kind;
}

/** Whether a field belongs to one connection and must not be forwarded. */
export function isHopByHop(kind: number): boolean {
  return kind >= knownHeader.connection;
}

/**
 * Whether a field of an answer is no upstream's to send, beside those of its connection: Alt-Svc names ways past this proxy,
 * X-Standin-Error is how the proxy says that it refused.
 */
export function isNotForUpstreams(kind: number): boolean {
  return kind === knownHeader.altSvc || kind === knownHeader.standinError;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
