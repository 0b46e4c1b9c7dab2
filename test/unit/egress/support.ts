import { findHeadEnd } from '../../../src/egress/wire/head-end.ts';
import type { RequestHead } from '../../../src/egress/wire/head.ts';
import { parseRequestHead } from '../../../src/egress/wire/http1-request.ts';
import { WireError } from '../../../src/egress/wire/wire-error.ts';

/** What the wire makes of `text` (latin1) as a request head: the head, or why it is refused. */
export function head(text: string): RequestHead | WireError {
  const bytes = Buffer.from(text, 'latin1');
  const end = findHeadEnd(bytes, 0);
  if (end instanceof WireError) return end;
  if (end === -1) throw new Error('the head has no empty line');
  return parseRequestHead(bytes, 0, end);
}

/** A head that must be good. */
export function goodHead(text: string): RequestHead {
  const parsed = head(text);
  if (parsed instanceof WireError) throw new Error(`${parsed.status} ${parsed.reason}`);
  return parsed;
}

/** A request of `lines` after `startLine`, with a Host line unless they have one. */
export function request(startLine: string, ...lines: string[]): string {
  const host = lines.some((line) => /^host:/i.test(line)) ? [] : ['Host: api.example.com'];
  return [startLine, ...host, ...lines, '', ''].join('\r\n');
}
