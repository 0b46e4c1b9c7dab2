import { Buffer } from 'node:buffer';
import { foldHeaderName } from './inject-plan.ts';
import type { WrittenLine } from './inject-plan.ts';
import type { Swap } from './inject-slots.ts';
import { refusal } from './refusals.ts';
import { narrowRequestField } from './scrub/heads.ts';
import type { Refused } from './target.ts';
import type { HeaderLines, RequestHead } from './wire/head.ts';
import { rewriteHead } from './wire/head-writer.ts';
import type { Insertion, Piece } from './wire/head-writer.ts';
import { outgoingField, secretField } from './wire/http2/header-field.ts';
import type { HeaderField } from './wire/http2/header-field.ts';
import { requestFields } from './wire/http2/outgoing-fields.ts';
import { isHopByHop, knownHeader } from './wire/known-headers.ts';

export interface OutgoingRequest {
  /** The target's origin form, as `resolveRequest` gives it. */
  path: string;
  /** What is sent as Host where the client named none, as HTTP/1.0 lets it; without: none is. */
  authority?: string;
  /** None: the request goes on without a credential. */
  swaps: readonly Swap[];
  /** The real value of each swap, in their order. */
  values: readonly Buffer[];
  /** What asks for an answer that cannot be searched for values is narrowed, or left out. */
  narrowed?: boolean;
  /** Content that is at hand already: written right after the head. */
  body?: Buffer | undefined;
}

const keepsUpgrade: readonly Piece[] = ['Connection: Upgrade\r\n'];
const basicLine: WrittenLine = {
  name: 'Authorization',
  before: 'Basic ',
  after: '',
  head: 'Authorization: Basic ',
  tail: '\r\n',
};
const none: readonly never[] = [];
const unreserved = /[A-Za-z0-9\-._~]/;

/** What is different in the head that goes upstream. */
interface RequestEdit {
  /** The target with the real values where stand-ins stood; null: as it was sent. */
  target: readonly Piece[] | null;
  drop: (line: number) => boolean;
  insert: readonly WrittenField[];
}

/** A field to write where a line begins. */
interface WrittenField {
  readonly line: number;
  readonly text: WrittenLine;
  readonly value: Piece;
}

/**
 * The head that goes upstream: the client's, byte for byte, without the fields of its connection (RFC 9110 section
 * 7.6.1), and with every line of a header that a swapped rule owns gone, in all spellings, before the real one is
 * written where the stand-in's stood. One without Host gets it: else the upstream would choose whose the request is. A websocket handshake keeps its Upgrade. Refuses a value that holds control
 * characters. The result holds real values: it goes to the upstream and nowhere else.
 */
export function buildRequestHead(head: RequestHead, outgoing: OutgoingRequest): Buffer | Refused {
  const edit = editRequest(head, outgoing);
  if ('refused' in edit) return edit;
  const { lines, upgrade } = head;
  const insert: Insertion[] = [];
  if (head.host === null && outgoing.authority !== undefined)
    insert.push({ line: 0, pieces: [`Host: ${outgoing.authority}\r\n`] });
  for (const { line, text, value } of edit.insert) insert.push({ line, pieces: [text.head, value, text.tail] });
  if (upgrade !== null) insert.push({ line: lines.kinds.indexOf(knownHeader.connection), pieces: keepsUpgrade });
  const { target, drop } = edit;
  return rewriteHead(lines, {
    startLine: target === null ? undefined : [`${head.method} `, ...target, ` HTTP/1.${head.minorVersion}`],
    drop: (line) => isConnectionField(head, line) || drop(line),
    insert,
    body: outgoing.body,
  });
}

/** The same as the fields of HTTP/2 (RFC 9113 section 8.3.1); the real values are in no table of the connection. */
export function buildRequestFields(
  head: RequestHead,
  outgoing: OutgoingRequest,
  to: { scheme: 'http' | 'https'; authority: string },
): HeaderField[] | Refused {
  const edit = editRequest(head, outgoing);
  if ('refused' in edit) return edit;
  const path =
    edit.target === null ? outgoingField(':path', outgoing.path) : secretField(':path', joinPieces(edit.target));
  return requestFields(head, {
    ...to,
    path,
    drop: edit.drop,
    insert: edit.insert.map(({ line, text, value }) => ({
      line,
      fields: [secretField(text.name.toLowerCase(), joinPieces([text.before, value, text.after]))],
    })),
  });
}

function joinPieces(pieces: readonly Piece[]): Buffer {
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)));
}

function isConnectionField({ lines, upgrade }: RequestHead, line: number): boolean {
  const kind = lines.kinds[line] ?? knownHeader.other;
  return isHopByHop(kind) && (kind !== knownHeader.upgrade || upgrade === null);
}

function editRequest(
  head: RequestHead,
  { path, swaps, values, narrowed = false }: OutgoingRequest,
): RequestEdit | Refused {
  const { lines, connectionTokens } = head;
  const insert: WrittenField[] = [];
  const parameters: { offset: number; length: number; value: Buffer }[] = [];
  for (let index = 0; index < swaps.length; index++) {
    const swap = swaps[index];
    const value = values[index];
    if (swap === undefined) break;
    if (value === undefined) throw new Error(`no value was given for binding ${swap.binding.id}`);
    if (!isClean(value)) {
      const { envKey } = swap.binding;
      return {
        refused: refusal('vault_unavailable', `${envKey}: its stored value has a control character; store it again`),
      };
    }
    if (swap.place === 'query') {
      parameters.push({ offset: swap.offset, length: swap.binding.standIn.length, value });
    } else if (swap.place === 'basic') {
      insert.push({ line: swap.line, text: basicLine, value: encodeBasic(swap, value) });
    } else {
      for (const text of swap.opening.written) {
        const own = text.name === swap.slot.name ? -1 : lines.find(text.name.toLowerCase());
        const line = own === -1 ? swap.line : own;
        insert.push({ line, text, value });
      }
    }
  }
  const named = namedFields(connectionTokens);
  const left = narrowed ? narrowLines(lines, insert) : none;
  return {
    target: parameters.length === 0 && path === head.target ? null : targetOf(path, parameters),
    drop: (line) => {
      // What becomes of these depends on the version that is spoken, not on who names them.
      if (isHopByHop(lines.kinds[line] ?? knownHeader.other)) return false;
      for (const { opening } of swaps) if (isAnyOf(lines, line, opening.owned)) return true;
      return isAnyOf(lines, line, named) || left.includes(line);
    },
    insert,
  };
}

/** The lines that go, some of them for another that is inserted in their place. */
function narrowLines(lines: HeaderLines, insert: WrittenField[]): readonly number[] {
  const left: number[] = [];
  for (let line = 0; line < lines.count; line++) {
    const kind = lines.kinds[line] ?? knownHeader.other;
    if (kind < knownHeader.acceptEncoding || kind > knownHeader.webSocketExtensions) continue;
    const value = lines.value(line);
    const narrow = narrowRequestField(lines.name(line).toLowerCase(), value);
    if (narrow === value) continue;
    left.push(line);
    if (narrow !== null) insert.push({ line, text: plainLine(lines.name(line)), value: narrow });
  }
  return left;
}

/** The fields that Connection names, folded, beside those that are left out anyway. */
function namedFields(connectionTokens: readonly string[]): readonly string[] {
  const [only] = connectionTokens;
  if (only === undefined || (connectionTokens.length === 1 && (only === 'keep-alive' || only === 'close'))) return none;
  return connectionTokens.map(foldHeaderName);
}

function plainLine(name: string): WrittenLine {
  return { name, before: '', after: '', head: `${name}: `, tail: '\r\n' };
}

function targetOf(
  path: string,
  parameters: readonly { offset: number; length: number; value: Buffer }[],
): readonly Piece[] {
  const pieces: Piece[] = [];
  let copied = 0;
  for (const { offset, length, value } of parameters.toSorted((a, b) => a.offset - b.offset)) {
    pieces.push(path.slice(copied, offset), percentEncode(value));
    copied = offset + length;
  }
  pieces.push(path.slice(copied));
  return pieces;
}

/** Whether a line's name, folded, is one of these. */
function isAnyOf(lines: HeaderLines, line: number, folded: readonly string[]): boolean {
  for (const name of folded) if (lines.isNamedAbout(line, name)) return true;
  return false;
}

/** Values that were looked through already: they do not change, and go out many times. */
const looked = new WeakSet<Buffer>();

/** Whether a value has no control character but tabs. */
function isClean(value: Buffer): boolean {
  if (looked.has(value)) return true;
  for (const byte of value) if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return false;
  looked.add(value);
  return true;
}

/** RFC 7617 section 2: base64 of `user-id ":" password`. */
function encodeBasic({ slot, username }: Swap & { place: 'basic' }, value: Buffer): string {
  const user = slot.username ?? username ?? 'x';
  const pair =
    slot.place === 'username'
      ? Buffer.concat([value, Buffer.from(':')])
      : Buffer.concat([Buffer.from(`${user}:`, slot.username === null ? 'latin1' : 'utf8'), value]);
  const encoded = pair.toString('base64');
  pair.fill(0);
  return encoded;
}

/** RFC 3986 section 2.1: every byte that is not unreserved as `%XX`. */
function percentEncode(value: Buffer): Buffer {
  const out: number[] = [];
  for (const byte of value) {
    if (unreserved.test(String.fromCharCode(byte))) out.push(byte);
    else out.push(0x25, ...Buffer.from(byte.toString(16).toUpperCase().padStart(2, '0'), 'latin1'));
  }
  return Buffer.from(out);
}
