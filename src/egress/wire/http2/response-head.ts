import { STATUS_CODES } from 'node:http';
import type { ResponseFraming, ResponseHead } from '../head.ts';
import { maxHeaderLines } from '../header-lines.ts';
import { knownHeader } from '../known-headers.ts';
import { WireError } from '../wire-error.ts';
import { FieldLines } from './field-lines.ts';
import { HeaderField } from './header-field.ts';
import type { ResponseFields } from './response-fields.ts';

const chunkedLine = new HeaderField('transfer-encoding', 'chunked', {
  kind: knownHeader.transferEncoding,
  flaws: 0,
  neverIndexed: false,
});
const noTokens: readonly string[] = [];

/**
 * The answer to a request of `method` as if it had come over HTTP/1.1: the parser of HTTP/1.1 makes the same of `lines.text`.
 * Content of unknown length is chunked, for its end is told; that it came over HTTP/2 shows nowhere else.
 */
export function responseHead(
  { regular, status, interim }: ResponseFields,
  { method, endStream }: { method: string; endStream: boolean },
): ResponseHead | WireError {
  const bare = method === 'HEAD' || interim || status === 204 || status === 304;
  const { contentLength } = regular;
  // RFC 9110 8.6: "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx [...] or
  // 204". Over HTTP/1.1 somebody might wait for the content, and take the next answer for it.
  if (contentLength > 0 && (interim || status === 204)) {
    return new WireError(502, 'Content-Length in an answer without content (RFC 9110 section 8.6)');
  }
  const lines = regular.fields.slice(regular.first);
  let framing: ResponseFraming = { kind: 'none' };
  if (!bare && contentLength !== -1) {
    framing = { kind: 'length', length: contentLength };
  } else if (!bare && endStream) {
    framing = { kind: 'length', length: 0 };
    lines.push(emptyLine);
  } else if (!bare) {
    framing = { kind: 'chunked' };
    lines.push(chunkedLine);
  }
  if (lines.length > maxHeaderLines) return new WireError(502, 'over 200 header lines (RFC 6585 section 5)');
  const reason = STATUS_CODES[status] ?? '';
  return {
    lines: new FieldLines(`HTTP/1.1 ${status} ${reason}\r\n`, lines),
    minorVersion: 1,
    status,
    reason,
    framing,
    keepAlive: true,
    interim,
    upgrade: null,
    connectionTokens: noTokens,
  };
}

/** Without it, an answer of HTTP/1.1 would go on until its connection ends. In HTTP/2 nobody sent it. */
export const emptyLine = new HeaderField('content-length', '0', {
  kind: knownHeader.contentLength,
  flaws: 0,
  neverIndexed: false,
});
