import assert from 'node:assert/strict';
import type { RequestHead, ResponseHead } from '../../../../src/egress/wire/head.ts';
import { maxHeadBytes } from '../../../../src/egress/wire/head-end.ts';
import type { HeaderField } from '../../../../src/egress/wire/http2/header-field.ts';
import { HpackDecoder } from '../../../../src/egress/wire/http2/hpack-decoder.ts';
import { readRequestFields } from '../../../../src/egress/wire/http2/request-fields.ts';
import { requestHead } from '../../../../src/egress/wire/http2/request-head.ts';
import { readResponseFields } from '../../../../src/egress/wire/http2/response-fields.ts';
import { responseHead } from '../../../../src/egress/wire/http2/response-head.ts';
import { WireError } from '../../../../src/egress/wire/wire-error.ts';
import { block } from './frames.ts';
import type { Pairs } from './frames.ts';

export const webSocketKey = 'dGhlIHNhbXBsZSBub25jZQ==';

/** As they come over the wire. */
export function decode(pairs: Pairs): HeaderField[] {
  const bytes = block(pairs);
  const fields = new HpackDecoder().decode(bytes, 0, bytes.length);
  assert.ok(Array.isArray(fields));
  return fields;
}

export function read(pairs: Pairs, endStream = true): RequestHead | WireError {
  const fields = readRequestFields(decode(pairs));
  const about = { endStream, scheme: 'https', webSocketKey, maxBytes: maxHeadBytes } as const;
  return fields instanceof WireError ? fields : requestHead(fields, about);
}

export function good(pairs: Pairs, endStream = true): RequestHead {
  const head = read(pairs, endStream);
  if (head instanceof WireError) throw new TypeError(head.reason);
  return head;
}

export function answer(pairs: Pairs, { method = 'GET', endStream = false } = {}): ResponseHead | WireError {
  const fields = readResponseFields(decode(pairs));
  return fields instanceof WireError ? fields : responseHead(fields, { method, endStream });
}

/** Why it is refused. */
export function refused(pairs: Pairs): WireError {
  const wrong = read(pairs);
  assert.ok(wrong instanceof WireError);
  return wrong;
}
