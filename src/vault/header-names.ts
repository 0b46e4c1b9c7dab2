import { badField } from '../errors.ts';

/**
 * Headers that frame the message, belong to one hop, or name the peer. A rule that wrote one of them could split a
 * request or send it elsewhere (RFC 9110 7.2, 7.6; RFC 9112 6; RFC 9113 8.2.2).
 */
const reserved = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'http2-settings',
  'te',
  'trailer',
  'expect',
  'max-forwards',
  'cookie2',
]);

/** A header name that a rule may own: a token (RFC 9110 5.6.2) and none of the reserved. Answers it as given. */
export function requireHeaderName(field: string, name: string): string {
  if (name.length > 128 || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    throw badField(field, `${JSON.stringify(name.slice(0, 80))} is not a header name such as X-API-Key`);
  }
  const lower = name.toLowerCase();
  if (reserved.has(lower) || lower.startsWith('proxy-')) {
    throw badField(field, `${name} frames the message or names the peer; a rule may not write it`);
  }
  return name;
}
