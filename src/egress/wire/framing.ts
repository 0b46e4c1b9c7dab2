import type { Framing, HeaderLines } from './head.ts';
import { knownHeader } from './known-headers.ts';
import { WireError } from './wire-error.ts';

/** What the proxy needs to know of a head's header lines, gathered in one walk over those it knows. */
export interface MessageFields {
  /** Null: no Host line. */
  host: string | null;
  framing: Framing;
  expect: string | null;
  /** The values of the Upgrade lines, joined as RFC 9110 section 5.3 allows; null: none. */
  upgrade: string | null;
  maxForwards: boolean;
  /** Lower-cased. */
  connectionTokens: readonly string[];
}

const noBody: Framing = { kind: 'none' };
const chunked: Framing = { kind: 'chunked' };
const noTokens: readonly string[] = [];
const keepAliveAlone: readonly string[] = ['keep-alive'];
const decimal = /^(?:0|[1-9][0-9]{0,15})$/;

/**
 * Reads the fields that frame the message and name its connection. A message that two readers could frame differently
 * is refused, whatever the RFC would let a lenient one make of it.
 */
export function readFields(lines: HeaderLines, minorVersion: 0 | 1): MessageFields | WireError {
  let host: string | null = null;
  let length: string | null = null;
  let coding: string | null = null;
  let expect: string | null = null;
  let upgrade: string | null = null;
  let maxForwards = false;
  let connectionTokens = noTokens;
  for (let line = 0; line < lines.count; line++) {
    switch (lines.kinds[line] ?? knownHeader.other) {
      case knownHeader.host:
        // RFC 9112 3.2: "A server MUST respond with a 400 (Bad Request) status code to any [...] request message that
        // contains more than one Host header field line"
        if (host !== null) return new WireError(400, 'two Host lines (RFC 9112 section 3.2)');
        host = lines.value(line);
        break;
      case knownHeader.contentLength:
        if (length !== null) return new WireError(400, 'two Content-Length lines (RFC 9112 section 6.3)');
        if (hasTab(lines, line)) return new WireError(400, 'tab in a Content-Length line (RFC 9112 section 6.3)');
        length = lines.value(line);
        break;
      case knownHeader.transferEncoding:
        if (coding !== null) return new WireError(400, 'two Transfer-Encoding lines (RFC 9112 section 6.1)');
        if (hasTab(lines, line)) return new WireError(400, 'tab in a Transfer-Encoding line (RFC 9112 section 6.1)');
        coding = lines.value(line);
        break;
      case knownHeader.expect:
        expect = expect === null ? lines.value(line) : `${expect}, ${lines.value(line)}`;
        break;
      case knownHeader.upgrade:
        upgrade = upgrade === null ? lines.value(line) : `${upgrade}, ${lines.value(line)}`;
        break;
      case knownHeader.maxForwards:
        maxForwards = true;
        break;
      case knownHeader.connection: {
        const value = lines.value(line);
        const tokens = value === 'keep-alive' ? keepAliveAlone : listItems(value);
        connectionTokens = connectionTokens.length === 0 ? tokens : connectionTokens.concat(tokens);
        break;
      }
    }
  }
  const framing = judgeFraming(length, coding, minorVersion);
  if (framing instanceof WireError) return framing;
  return { host, framing, expect, upgrade, maxForwards, connectionTokens };
}

/**
 * RFC 9110 5.6.3 lets tabs stand around a value. nginx takes one for part of the value, and llhttp one after `chunked` for
 * another coding, whose content it then reads to the end of the connection.
 */
function hasTab(lines: HeaderLines, line: number): boolean {
  return lines.text.slice(lines.lineStart(line), lines.lineEnd(line)).includes('\t');
}

/** The members of a comma-separated list (RFC 9110 section 5.6.1), lower-cased, empty ones left out. */
export function listItems(value: string): string[] {
  const lower = value.toLowerCase();
  if (!lower.includes(',')) return lower === '' ? [] : [lower];
  return lower
    .split(',')
    .map((item) => item.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((item) => item !== '');
}

function judgeFraming(length: string | null, coding: string | null, minorVersion: 0 | 1): Framing | WireError {
  if (coding !== null) {
    // RFC 9112 6.3: "If a message is received with both a Transfer-Encoding and a Content-Length header field, [...]
    // such a message might indicate an attempt to perform request smuggling [...] and ought to be handled as an error"
    if (length !== null) return new WireError(400, 'Transfer-Encoding beside Content-Length (RFC 9112 section 6.3)');
    // RFC 9112 6.1: "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header field
    // MUST treat the message as if the framing is faulty"
    if (minorVersion === 0) return new WireError(400, 'Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)');
    // Codings beside `chunked` would hide content from us; a list of them, or one we do not know, could be read as
    // another framing by the next hop (section 6.3, rule 4).
    if (coding.toLowerCase() !== 'chunked') {
      return new WireError(400, 'Transfer-Encoding that is not exactly chunked (RFC 9112 section 6.1)');
    }
    return chunked;
  }
  if (length === null) return noBody;
  // RFC 9110 8.6: Content-Length = 1*DIGIT. RFC 9112 6.3: "If a message is received without Transfer-Encoding and with
  // an invalid Content-Length header field, then the message framing is invalid". Lists, signs, leading zeros: refused.
  if (!decimal.test(length) || Number(length) > Number.MAX_SAFE_INTEGER) {
    return new WireError(400, 'Content-Length that is not one decimal number (RFC 9110 section 8.6)');
  }
  return { kind: 'length', length: Number(length) };
}
