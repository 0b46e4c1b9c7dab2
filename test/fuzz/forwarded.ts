import { Buffer } from 'node:buffer';
import { buildRequestHead } from '../../src/egress/inject-head.ts';
import { resolveRequest } from '../../src/egress/target.ts';
import type { Destination } from '../../src/egress/target.ts';
import { buildResponseHead, goesOnUnchanged } from '../../src/egress/wire/forward-response.ts';
import type { RequestHead, ResponseHead } from '../../src/egress/wire/head.ts';
import type { FuzzCase } from './fuzz-case.ts';
import { requestStart } from './message.ts';
import type { Message } from './message.ts';
import type { OurMessage } from './our-reader.ts';
import { host } from './tokens.ts';

/** Where every connection was opened to. */
const destination: Destination = { host, port: 443, scheme: 'https', isAddress: false };

/** RFC 9110 section 7.6.1, and the fields that its examples and RFC 9112, 7230 and 7540 give one connection. */
const hopByHop = new Set([
  'connection',
  'upgrade',
  'keep-alive',
  'te',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'proxy-authentication-info',
  'http2-settings',
]);

/** What goes on of a connection's whole messages, as one stream, and what a reader of that stream must find in it. */
export interface Forwarded {
  fuzzed: FuzzCase;
  expected: Message[];
}

/** `messages` are the same as `ours`, in the words of a comparison. */
export function forward(fuzzed: FuzzCase, ours: readonly OurMessage[], messages: readonly Message[]): Forwarded {
  const pieces: Buffer[] = [];
  const expected: Message[] = [];
  const methods: string[] = [];
  let answered = 0;
  for (const [index, our] of ours.entries()) {
    const message = messages[index];
    if (message === undefined || !our.complete) break;
    const { head, trailers } = our;
    const body = Buffer.from(our.forwarded, 'latin1');
    const passed = 'status' in head ? forwardResponse(head, message) : forwardRequest(head, message);
    const method = fuzzed.methods[answered] ?? 'GET';
    if ('status' in head && !head.interim) answered++;
    if (passed === null) continue;
    pieces.push(passed.bytes, body, ...(trailers === null ? [] : [trailers]));
    expected.push(passed.message);
    if (!('status' in head && head.interim)) methods.push(method);
    // What follows goes to, or comes from, another connection.
    if (!passed.message.keepAlive) break;
  }
  return { fuzzed: { side: fuzzed.side, bytes: Buffer.concat(pieces), methods, cuts: [] }, expected };
}

/** Whether a request is answered here because of what it is for: nothing of it goes on. */
export function isForAnother(head: RequestHead): boolean {
  return 'refused' in resolveRequest(destination, head);
}

interface Passed {
  bytes: Buffer;
  message: Message;
}

/** Null: refused by what it is for, such as another host, and answered here. */
function forwardRequest(head: RequestHead, message: Message): Passed | null {
  const target = resolveRequest(destination, head);
  if ('refused' in target) return null;
  const bytes = buildRequestHead(head, { path: target.path, swaps: [], values: [] });
  if (!Buffer.isBuffer(bytes)) throw new Error('a request without a credential was refused');
  const isSwitch = head.upgrade !== null;
  const start = requestStart({ method: head.method, target: target.path, minor: head.minorVersion });
  const dropped = new Set([...namedIn(message.fields)].map((name) => name.replaceAll('_', '-')));
  const fields: string[] = [];
  let isFirst = true;
  for (const [name, value] of pairsOf(message.fields)) {
    const lower = name.toLowerCase();
    // A handshake keeps its Upgrade, and says so where its Connection stood.
    if (isSwitch && lower === 'connection' && isFirst) fields.push('Connection', 'Upgrade');
    if (lower === 'connection') isFirst = false;
    const isKept =
      isSwitch && lower === 'upgrade' ? true : !hopByHop.has(lower) && !dropped.has(lower.replaceAll('_', '-'));
    if (isKept) fields.push(name, value);
  }
  return { bytes, message: { ...message, start, fields } };
}

function forwardResponse(head: ResponseHead, message: Message): Passed {
  const unchanged = goesOnUnchanged(head);
  const closes = head.framing.kind === 'close';
  const { bytes, base, text } = head.lines;
  const isSwitch = head.status === 101;
  const dropped = namedIn(message.fields);
  const fields: string[] = [];
  for (const [name, value] of pairsOf(message.fields)) {
    const lower = name.toLowerCase();
    const isKept =
      isSwitch && lower === 'upgrade' ? true : !hopByHop.has(lower) && lower !== 'alt-svc' && !dropped.has(lower);
    if (isKept) fields.push(name, value);
  }
  if (isSwitch) fields.push('Connection', 'Upgrade');
  if (closes) fields.push('Connection', 'close');
  const start = message.start.replace(/^(\d+) 1\.0/, '$1 1.1');
  if (unchanged && !closes) {
    return { bytes: bytes.subarray(base, base + text.length), message: { ...message, keepAlive: true } };
  }
  const out = buildResponseHead(head, { lines: closes ? ['Connection: close'] : [] });
  return { bytes: out, message: { ...message, start, fields, keepAlive: !closes } };
}

/** The fields that Connection lines name, lower-cased. */
function namedIn(fields: readonly string[]): Set<string> {
  const named = new Set<string>();
  for (const [name, value] of pairsOf(fields)) {
    if (name.toLowerCase() !== 'connection') continue;
    for (const token of value.split(',')) named.add(token.replaceAll(/^[ \t]+|[ \t]+$/g, '').toLowerCase());
  }
  return named;
}

function* pairsOf(fields: readonly string[]): Generator<[name: string, value: string]> {
  for (let i = 0; i < fields.length; i += 2) yield [fields[i] ?? '', fields[i + 1] ?? ''];
}
