import type { HeaderLines, RequestHead, ResponseHead } from '../head.ts';
import { isHopByHop, isNotForUpstreams, knownHeader } from '../known-headers.ts';
import { FieldLines } from './field-lines.ts';
import { outgoingField } from './header-field.ts';
import type { HeaderField } from './header-field.ts';
import type { RecentFields } from './recent-fields.ts';
import { emptyLine } from './response-head.ts';

/** What is to differ from the head that came. */
export interface FieldEdit {
  /** Whether to leave out a line, beside what no HTTP/2 message may have. */
  drop?: (line: number) => boolean;
  /** Fields to write where lines begin; credentials as `secretField`. */
  insert?: readonly FieldInsertion[];
  /** What the connection remembers of the heads before. */
  recent?: RecentFields;
}

export interface FieldInsertion {
  /** `count`: after the last one. */
  readonly line: number;
  readonly fields: readonly HeaderField[];
}

const noInsertions: readonly FieldInsertion[] = [];

const get = outgoingField(':method', 'GET');
const post = outgoingField(':method', 'POST');
const connect = outgoingField(':method', 'CONNECT');
const webSocket = outgoingField(':protocol', 'websocket');
const schemes = { http: outgoingField(':scheme', 'http'), https: outgoingField(':scheme', 'https') } as const;
const teTrailers = outgoingField('te', 'trailers');

/**
 * A request head as fields for an HTTP/2 upstream, whichever version it came in (RFC 9113 section 8.3.1): its Host line is
 * `:authority`, fields of the connection go (but `TE: trailers`, which gRPC wants), and a websocket handshake is an extended CONNECT
 * (RFC 8441 section 5.1). `path` as it goes upstream, since a credential may stand in its query.
 */
export function requestFields(
  head: RequestHead,
  { scheme, authority, path, ...edit }: FieldEdit & { scheme: 'http' | 'https'; authority: string; path: HeaderField },
): HeaderField[] {
  const { lines, upgrade, connectionTokens } = head;
  const fields = [methodField(head), schemes[scheme], outgoingField(':authority', authority), path];
  if (upgrade !== null) fields.splice(1, 0, webSocket);
  copyLines(lines, fields, {
    ...edit,
    drop: (line) => {
      if (lines.kinds[line] === knownHeader.host || edit.drop?.(line) === true) return true;
      if (upgrade === null && connectionTokens.length === 0) return false;
      const name = lines.name(line).toLowerCase();
      return (upgrade !== null && name === 'sec-websocket-key') || connectionTokens.includes(name);
    },
  });
  return fields;
}

/** A response head as fields for an HTTP/2 client, whichever version it came in, without those that are not the upstream's to send. */
export function responseFields(head: ResponseHead, edit: FieldEdit = {}): HeaderField[] {
  const { lines, status, connectionTokens } = head;
  const fields = [statusField(status)];
  copyLines(lines, fields, {
    ...edit,
    drop: (line) => {
      if (isNotForUpstreams(lines.kinds[line] ?? knownHeader.other) || edit.drop?.(line) === true) return true;
      return connectionTokens.length > 0 && connectionTokens.includes(lines.name(line).toLowerCase());
    },
  });
  return fields;
}

/** Trailers as fields; `lines` as `trailerLines` gives them. */
export function trailerFields(lines: HeaderLines): HeaderField[] {
  const fields: HeaderField[] = [];
  copyLines(lines, fields, {});
  return fields;
}

function copyLines(
  lines: HeaderLines,
  fields: HeaderField[],
  { drop, insert = noInsertions, recent }: FieldEdit,
): void {
  const came = lines instanceof FieldLines ? lines.fields : null;
  for (let line = 0; line <= lines.count; line++) {
    for (const each of insert) if (each.line === line) fields.push(...each.fields);
    if (line === lines.count) break;
    const kind = lines.kinds[line] ?? knownHeader.other;
    if (kind === knownHeader.te && lines.value(line).toLowerCase() === 'trailers') fields.push(teTrailers);
    // RFC 9113 8.2.2: none of these may be sent; the end of content is told by END_STREAM.
    if (isHopByHop(kind) || kind === knownHeader.transferEncoding || drop?.(line) === true) continue;
    const field = came?.[line];
    if (field === emptyLine) continue;
    if (field !== undefined) fields.push(field);
    else if (recent !== undefined) fields.push(recent.of(lines, line));
    else fields.push(outgoingField(lines.name(line).toLowerCase(), lines.value(line)));
  }
}

function methodField({ method, upgrade }: RequestHead): HeaderField {
  if (upgrade !== null) return connect;
  if (method === 'GET') return get;
  return method === 'POST' ? post : outgoingField(':method', method);
}

const statuses = new Map<number, HeaderField>();

/** The field of a status, which is 100 to 999; made once. */
export function statusField(status: number): HeaderField {
  let field = statuses.get(status);
  if (field === undefined) statuses.set(status, (field = outgoingField(':status', String(status))));
  return field;
}
