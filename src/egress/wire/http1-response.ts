import { characterClass, fieldBit } from './characters.ts';
import { listItems, readFields } from './framing.ts';
import type { MessageFields } from './framing.ts';
import { HeaderLines } from './head.ts';
import type { ResponseFraming, ResponseHead } from './head.ts';
import { badLineEnd, scanHeaderLines } from './header-lines.ts';
import { WireError } from './wire-error.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
/** What a status line begins with, before the minor version: `HTTP/1.`. */
const versionPrefix = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e];

/**
 * The head of an upstream's response to a request of `method`, in `buffer[start, end)`, `end` being where
 * {@link findHeadEnd} says it ends. The head is written anew
 * out of `buffer`. A WireError has status 502.
 */
export function parseResponseHead(
  buffer: Buffer,
  start: number,
  { end, method }: { end: number; method: string },
): ResponseHead | WireError {
  const status = readStatus(buffer, start, end);
  if (status === 0) return badResponse('no status line of HTTP/1.x (RFC 9112 section 4)');
  // RFC 9112 section 4: status-line = HTTP-version SP status-code SP [ reason-phrase ]. Servers that have no reason
  // leave out the space before it too.
  let at = start + 12;
  if (buffer[at] === space) while (((characterClass[buffer[at] ?? 0] ?? 0) & fieldBit) !== 0) at++;
  if (buffer[at] !== carriageReturn || buffer[at + 1] !== lineFeed) return badResponse(badLineEnd(buffer, at).reason);
  const lines = new HeaderLines(buffer, start, end);
  const minorVersion = buffer[start + 7] === 0x31 ? 1 : 0;
  const wrong = scanHeaderLines(lines, { start: at + 2, end });
  if (wrong !== null) return badResponse(wrong.reason);
  const fields = readFields(lines, minorVersion);
  if (fields instanceof WireError) return badResponse(fields.reason);
  const { connectionTokens, upgrade } = fields;
  if (connectionTokens.includes('content-length') || connectionTokens.includes('transfer-encoding')) {
    return badResponse('framing field named in Connection (RFC 9110 section 7.6.1)');
  }
  // RFC 9110 8.6, RFC 9112 6.1: a server MUST NOT announce content in a 1xx. Clients have read it as the final response.
  if (status < 200 && hasStrayContent(fields, status)) return badResponse('1xx with content (RFC 9110 section 15.2)');
  const framing = judgeFraming(fields, status, method);
  return {
    lines,
    minorVersion,
    status,
    reason: lines.text.slice(13, at - start),
    framing,
    keepAlive: persists(fields, minorVersion) && framing.kind !== 'close' && !hasStrayContent(fields, status),
    interim: status < 200 && status !== 101,
    // RFC 6455 4.1: without "Upgrade" in its Connection, "the client MUST _Fail the WebSocket Connection_".
    upgrade:
      status === 101 && upgrade !== null && connectionTokens.includes('upgrade')
        ? (listItems(upgrade)[0] ?? null)
        : null,
    connectionTokens,
  };
}

/** The status code of `HTTP/1.x NNN` at `start`, 100 to 999; 0 where something else stands there. */
function readStatus(buffer: Buffer, start: number, end: number): number {
  if (end - start < 12) return 0;
  for (let i = 0; i < versionPrefix.length; i++) if (buffer[start + i] !== versionPrefix[i]) return 0;
  if (((buffer[start + 7] ?? 0) & 0xfe) !== 0x30 || buffer[start + 8] !== space) return 0;
  const hundreds = digit(buffer[start + 9]);
  const tens = digit(buffer[start + 10]);
  const ones = digit(buffer[start + 11]);
  return hundreds < 1 || tens < 0 || ones < 0 ? 0 : hundreds * 100 + tens * 10 + ones;
}

/** RFC 9112 section 6.3, rules 1 and 4 to 8. */
function judgeFraming({ framing }: MessageFields, status: number, method: string): ResponseFraming {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { kind: 'none' };
  return framing.kind === 'none' ? { kind: 'close' } : framing;
}

/**
 * RFC 9110 8.6 and RFC 9112 6.1: a server MUST NOT send Content-Length or Transfer-Encoding in a 1xx or 204. One that
 * does may send the content too, which would be read as the next response: such a connection is not used again.
 */
function hasStrayContent({ framing }: MessageFields, status: number): boolean {
  if (status >= 200 && status !== 204) return false;
  return framing.kind === 'chunked' || (framing.kind === 'length' && framing.length > 0);
}

/** RFC 9112 section 9.3. */
function persists({ connectionTokens }: MessageFields, minorVersion: 0 | 1): boolean {
  if (connectionTokens.includes('close')) return false;
  return minorVersion === 1 || connectionTokens.includes('keep-alive');
}

/** -1 for what is no digit. */
function digit(byte = 0): number {
  return byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : -1;
}

function badResponse(reason: string): WireError {
  return new WireError(502, reason);
}
