import { characterClass, targetBit, tokenBit } from './characters.ts';
import { listItems, readFields } from './framing.ts';
import type { MessageFields } from './framing.ts';
import { HeaderLines } from './head.ts';
import type { RequestHead } from './head.ts';
import { badLineEnd, scanHeaderLines } from './header-lines.ts';
import { WireError } from './wire-error.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const maxMethodLength = 32;

/** uri-host [ ":" port ] by its characters (RFC 9110 section 7.2); what it names is judged with the target. */
const hostCharacters = /^[A-Za-z0-9.:[\]-]+$/;
const schemePrefix = /^https?:\/\//i;

/**
 * Fields of the message itself. RFC 9110 7.6.1: "A sender MUST NOT send a connection option corresponding to a field
 * that is intended for all recipients of the content": naming one would have it dropped on the way.
 */
const endToEnd = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'date',
  'expect',
  'forwarded',
  'host',
  'if-match',
  'if-none-match',
  'origin',
  'pragma',
  'range',
  'referer',
  'transfer-encoding',
  'user-agent',
  'via',
  'warning',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);

/**
 * A request head in `buffer[start, end)`, `end` being where {@link findHeadEnd} says it ends. The head is written anew
 * out of `buffer`, which must stay as it is until then. A WireError says what is wrong and with which status to answer; the connection is then closed.
 */
export function parseRequestHead(buffer: Buffer, start: number, end: number): RequestHead | WireError {
  // RFC 9112 section 3: request-line = method SP request-target SP HTTP-version, with exactly one SP between them.
  let at = start;
  while (((characterClass[buffer[at] ?? 0] ?? 0) & tokenBit) !== 0) at++;
  const methodEnd = at;
  if (at === start || at - start > maxMethodLength || buffer[at] !== space) {
    return new WireError(400, 'request line without a method and one space (RFC 9112 section 3)');
  }
  const targetStart = ++at;
  while (((characterClass[buffer[at] ?? 0] ?? 0) & targetBit) !== 0) at++;
  const targetEnd = at;
  if (at === targetStart || buffer[at] !== space) {
    return new WireError(400, 'request line without a target and one space after it (RFC 9112 section 3)');
  }
  const minorVersion = readVersion(buffer, at + 1);
  if (minorVersion instanceof WireError) return minorVersion;
  at += 9;
  if (buffer[at] !== carriageReturn || buffer[at + 1] !== lineFeed) {
    return buffer[at] === space
      ? new WireError(400, 'request line goes on after the version (RFC 9112 section 3)')
      : badLineEnd(buffer, at);
  }
  const lines = new HeaderLines(buffer, start, end);
  const wrong = scanHeaderLines(lines, { start: at + 2, end });
  if (wrong !== null) return wrong;
  const fields = readFields(lines, minorVersion);
  if (fields instanceof WireError) return fields;

  const method = lines.text.slice(0, methodEnd - start);
  const target = lines.text.slice(targetStart - start, targetEnd - start);
  const targetForm = readTargetForm(method, target);
  if (targetForm instanceof WireError) return targetForm;
  const refused = judgeFields(fields, { method, minorVersion });
  if (refused !== null) return refused;
  const { host, framing, expect, upgrade, connectionTokens } = fields;
  return {
    lines,
    method,
    target,
    targetForm,
    minorVersion,
    host,
    framing,
    // RFC 9112 9.3: "A proxy server MUST NOT maintain a persistent connection with an HTTP/1.0 client"
    keepAlive: minorVersion === 1 && !connectionTokens.includes('close'),
    // RFC 9110 10.1.1: "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that
    // expectation." Another expectation goes on to the server that it is meant for.
    expectContinue: expect !== null && minorVersion === 1 && expect.toLowerCase() === '100-continue',
    upgrade: upgrade !== null && connectionTokens.includes('upgrade') ? 'websocket' : null,
    connectionTokens,
  };
}

function readVersion(buffer: Buffer, at: number): 0 | 1 | WireError {
  // RFC 9112 2.3: HTTP-version is case-sensitive, one digit either side of the dot.
  const name = buffer[at] === 0x48 && buffer[at + 1] === 0x54 && buffer[at + 2] === 0x54 && buffer[at + 3] === 0x50;
  const major = buffer[at + 5] ?? 0;
  const minor = buffer[at + 7] ?? 0;
  if (!name || buffer[at + 4] !== 0x2f || buffer[at + 6] !== 0x2e || !isDigit(major) || !isDigit(minor)) {
    return new WireError(400, 'request line without HTTP-version (RFC 9112 section 2.3)');
  }
  if (major !== 0x31 || minor > 0x31)
    return new WireError(505, 'HTTP version other than 1.0 and 1.1 (RFC 9110 section 15.6.6)');
  return minor === 0x31 ? 1 : 0;
}

/** RFC 9112 section 3.2: which of the four forms the target has, each only where its method may have it. */
function readTargetForm(method: string, target: string): RequestHead['targetForm'] | WireError {
  const upper = method.length > 7 ? '' : method.toUpperCase();
  // RFC 9110 9.3.8 lets TRACE echo the request as it arrived, the injected credential with it. TRACK is IIS's name for it.
  if (upper === 'TRACE' || upper === 'TRACK') return new WireError(405, 'TRACE (RFC 9110 section 9.3.8)');
  if (upper === 'CONNECT') {
    // Methods are case-sensitive (RFC 9110 section 9.1); who reads `connect` as CONNECT would open a tunnel behind us.
    if (method !== 'CONNECT') return new WireError(400, 'CONNECT not in upper case (RFC 9110 section 9.1)');
    if (/[/?@]/.test(target))
      return new WireError(400, 'CONNECT target that is not host:port (RFC 9112 section 3.2.3)');
    return 'authority';
  }
  // The preface of HTTP/2 begins with it, so that a server of HTTP/1.1 would refuse it; readers differ in when they do.
  if (method === 'PRI') return new WireError(400, 'PRI (RFC 9113 section 3.4)');
  if (target.startsWith('/')) return 'origin';
  if (target === '*') {
    if (method === 'OPTIONS') return 'asterisk';
    return new WireError(400, 'asterisk target without OPTIONS (RFC 9112 section 3.2.4)');
  }
  if (schemePrefix.test(target)) return 'absolute';
  return new WireError(400, 'request target in none of the four forms (RFC 9112 section 3.2)');
}

function judgeFields(
  { host, framing, upgrade, maxForwards, connectionTokens }: MessageFields,
  { method, minorVersion }: { method: string; minorVersion: 0 | 1 },
): WireError | null {
  // RFC 9112 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks
  // a Host header field and to any request message that contains [...] a Host header field with an invalid field value."
  if (host === null && minorVersion === 1) return new WireError(400, 'no Host line (RFC 9112 section 3.2)');
  if (host !== null && !hostCharacters.test(host)) return new WireError(400, 'invalid Host (RFC 9112 section 3.2)');
  // RFC 9110 7.6.2: only TRACE and OPTIONS have it, to make a hop on the way answer instead of the server.
  if (maxForwards) return new WireError(400, 'Max-Forwards (RFC 9110 section 7.6.2)');
  const hasContent = framing.kind === 'chunked' || (framing.kind === 'length' && framing.length > 0);
  // RFC 9110 9.3.6: "A CONNECT request message does not have content."
  if (method === 'CONNECT' && hasContent) return new WireError(400, 'CONNECT with content (RFC 9110 section 9.3.6)');
  for (const token of connectionTokens) {
    if (endToEnd.has(token)) return new WireError(400, 'end-to-end field named in Connection (RFC 9110 section 7.6.1)');
  }
  if (upgrade === null) return null;
  const protocols = listItems(upgrade);
  // RFC 9113 section 3.1: "The 'h2c' string was previously used as a token for use in the HTTP Upgrade mechanism [...]
  // This usage was never widely deployed and is deprecated". Behind it, requests would pass unread.
  if (protocols.includes('h2c')) return new WireError(400, 'Upgrade: h2c (RFC 9113 section 3.1)');
  if (!connectionTokens.includes('upgrade')) return null;
  // RFC 6455 section 4.1: the handshake is a GET of HTTP/1.1 that asks for `websocket`, here without content.
  if (protocols.length !== 1 || protocols[0] !== 'websocket') {
    return new WireError(400, 'Upgrade to other than websocket (RFC 9110 section 7.8)');
  }
  if (method !== 'GET' || minorVersion !== 1 || hasContent) {
    return new WireError(400, 'websocket handshake that is not a bare GET of HTTP/1.1 (RFC 6455 section 4.1)');
  }
  return null;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
