import { isToken } from '../wire/characters.ts';
import { narrowAcceptEncoding } from './accept-encoding.ts';
import { readCodings } from './codings.ts';
import type { Coding } from './codings.ts';
import type { Scrub } from './scrub.ts';

/**
 * Request fields that ask for an answer which cannot be scrubbed, by their lower-case names.
 *
 * A value that lies across the border of two ranges is in neither of them, so ranges are not asked for: "A server MAY
 * ignore the Range header field" (RFC 9110 section 14.2), so every client must take the whole. `A-IM` (RFC 3229) asks for
 * differences and ranges by another name. A WebSocket extension would change what frames hold.
 */
const removedFromRequests: ReadonlySet<string> = new Set(['range', 'if-range', 'a-im', 'sec-websocket-extensions']);

/**
 * What a request field, `name` in lower case, is sent as to a host whose answers are scrubbed: the same text, another,
 * or null for none.
 */
export function narrowRequestField(name: string, value: string): string | null {
  if (removedFromRequests.has(name)) return null;
  // gRPC and Connect compress each message by itself, which is searched only up to some size.
  if (name === 'grpc-accept-encoding' || name === 'connect-accept-encoding') return 'identity';
  return name === 'accept-encoding' ? narrowAcceptEncoding(value) : value;
}

/**
 * Response fields that say what the content's bytes add up to (RFC 9530 sections 2 and 3; RFC 3230; RFC 1864). They are
 * wrong once something was replaced, and once it was encoded anew.
 *
 * ETag is not among them. It goes back to the server in If-Match and If-None-Match, where only the server's own will do,
 * and what it names stays one and the same to this sandbox: equal tags, equal content, with the stand-in for the value.
 * Strong or weak makes a difference where ranges are put together, and there are none.
 */
const digests: ReadonlySet<string> = new Set(['content-digest', 'repr-digest', 'digest', 'content-md5']);

/** What a head says of its body, in as far as it matters here. */
export interface BodyFacts {
  readonly status: number;
  /** Whether content follows the head, as the framing has it: false for HEAD, 204, 304. */
  readonly hasContent: boolean;
  /** Whether a Content-Length was given. */
  readonly hasLength: boolean;
  /** The value of Content-Encoding; several lines joined with a comma. */
  readonly contentEncoding: string | null;
}

export interface BodyPlan {
  readonly codings: readonly Coding[];
  /** For the body's stream: its length has been announced and is kept to. */
  readonly keepLength: boolean;
  /** Content-Length goes: the body is framed by chunks, by frames of HTTP/2, or by the connection's end. */
  readonly dropsLength: boolean;
}

/** What is done with a response's body; a text says why it must be refused. */
export function planBody(
  scrub: Scrub,
  { status, hasContent, hasLength, contentEncoding }: BodyFacts,
): BodyPlan | string {
  // RFC 9110 15.3.7 and RFC 3229 10.4.1: both answer a field that was not sent.
  if (status === 206 || status === 226)
    return 'a part of the content, which was not asked for (RFC 9110 section 15.3.7)';
  const codings = readCodings(contentEncoding);
  if (codings === 'unreadable') {
    if (hasContent) return 'a content coding that cannot be searched for credentials, and was not offered';
    return { codings: [], keepLength: false, dropsLength: true };
  }
  const keepLength = hasLength && codings.length === 0 && scrub.sameLength;
  return { codings, keepLength, dropsLength: hasLength && !keepLength };
}

/**
 * Whether a response field, `name` in lower case, goes. `replaced`: a value is known to have been replaced in the
 * content, as it is for a small body before its head is sent, and for trailers.
 */
export function dropsResponseField(name: string, plan: BodyPlan, replaced: boolean): boolean {
  // Ranges would be offered that are not to be had.
  if (name === 'accept-ranges') return true;
  if (name === 'content-length') return plan.dropsLength || (replaced && !plan.keepLength);
  return digests.has(name) && (replaced || plan.codings.length > 0);
}

/** These frame the message and have been judged; a value of digits must not change them. */
const framingFields: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding']);

/**
 * A response field without the values, latin1; the same array where it holds none. Null: its name would be no name any
 * more, so the field goes.
 */
export function scrubField(scrub: Scrub, field: readonly [string, string]): readonly [string, string] | null {
  const [name, value] = field;
  if (framingFields.has(name.toLowerCase())) return field;
  const cleanName = scrub.text(name);
  const cleanValue = scrub.text(value);
  if (cleanName === name && cleanValue === value) return field;
  return isToken(cleanName) ? [cleanName, cleanValue] : null;
}

/**
 * A head or trailers of HTTP/1.1, whole lines with the empty one at their end, without the values: the same buffer where
 * there are none. A status line keeps its version and code; its reason is scrubbed as the field values and names are. Null: there
 * is one that no line holds by itself, such as base64 that goes on in the next.
 */
export function scrubHead(scrub: Scrub, head: Buffer): Buffer | null {
  if (scrub.isClean(head)) return head;
  const out: string[] = [];
  // What stays whatever it holds is not looked at once more.
  const judged: string[] = [];
  for (const line of head.toString('latin1').split('\r\n')) {
    const status = out.length === 0 ? (/^HTTP\/1\.[01] [0-9]{3}/.exec(line)?.[0] ?? null) : null;
    const rest = status === null ? scrubLine(scrub, line) : scrub.text(line.slice(status.length));
    if (rest === null) continue;
    out.push(`${status ?? ''}${rest}`);
    judged.push(isFraming(rest) ? '' : rest);
  }
  return scrub.isClean(Buffer.from(judged.join('\r\n'), 'latin1')) ? Buffer.from(out.join('\r\n'), 'latin1') : null;
}

function isFraming(line: string): boolean {
  return framingFields.has(line.slice(0, Math.max(0, line.indexOf(':'))).toLowerCase());
}

function scrubLine(scrub: Scrub, line: string): string | null {
  const colon = line.indexOf(':');
  if (colon === -1) return scrub.text(line);
  const field = scrubField(scrub, [line.slice(0, colon), line.slice(colon + 1)]);
  if (field === null) return null;
  const clean = `${field[0]}:${field[1]}`;
  // A value with a colon may be name and value together: then nothing is left to say. What frames the message was judged.
  return isFraming(clean) || scrub.isClean(Buffer.from(clean, 'latin1')) ? clean : null;
}
