import { foldHeaderName } from './inject-plan.ts';
import type { Swap } from './inject-slots.ts';
import { refusal } from './refusals.ts';
import type { Refused } from './target.ts';
import type { RequestHead } from './wire/head.ts';
import { rewriteHead } from './wire/head-writer.ts';
import type { Piece } from './wire/head-writer.ts';
import { isHopByHop, knownHeader } from './wire/known-headers.ts';

export interface OutgoingRequest {
  /** The target's origin form, as `resolveRequest` gives it. */
  path: string;
  /** None: the request goes on without a credential. */
  swaps: readonly Swap[];
  /** The real value of each binding that is swapped, by binding id. */
  values: ReadonlyMap<string, Buffer>;
  /** Content that is at hand already: written right after the head. */
  body?: Buffer | undefined;
}

const unreserved = /[A-Za-z0-9\-._~]/;

/**
 * The head that goes upstream: the client's, byte for byte, without the fields of its connection (RFC 9110 section
 * 7.6.1), and with every line of a header that a swapped rule owns gone, in all spellings, before the real one is
 * written where the stand-in's stood. A websocket handshake keeps its Upgrade. Refuses a value that holds control
 * characters. The result holds real values: it goes to the upstream and nowhere else.
 */
export function buildRequestHead(head: RequestHead, { path, swaps, values, body }: OutgoingRequest): Buffer | Refused {
  const { lines, connectionTokens, upgrade } = head;
  const insert = new Map<number, Piece[]>();
  const add = (line: number, pieces: Piece[]) => {
    const before = insert.get(line);
    if (before === undefined) insert.set(line, pieces);
    else before.push(...pieces);
  };
  const target: Piece[] = [];
  let copied = 0;
  for (const swap of swaps.toSorted((a, b) => placeOf(a) - placeOf(b))) {
    const value = values.get(swap.binding.id);
    if (value === undefined) throw new Error(`no value was given for binding ${swap.binding.id}`);
    if (hasControl(value)) {
      const { envKey } = swap.binding;
      return {
        refused: refusal('vault_unavailable', `${envKey}: its stored value has a control character; store it again`),
      };
    }
    if (swap.place === 'query') {
      target.push(path.slice(copied, swap.offset), percentEncode(value));
      copied = swap.offset + swap.binding.standIn.length;
    } else if (swap.place === 'basic') {
      add(swap.line, ['Authorization: Basic ', encodeBasic(swap, value), '\r\n']);
    } else {
      for (const { name, before, after } of swap.slot.set) {
        const line = name === swap.slot.name ? swap.line : (lineOf(head, name) ?? swap.line);
        add(line, [`${name}: ${before}`, value, `${after}\r\n`]);
      }
    }
  }
  if (upgrade !== null) add(lines.kinds.indexOf(knownHeader.connection), ['Connection: Upgrade\r\n']);
  const unwanted = [...swaps.flatMap((swap) => swap.owned), ...connectionTokens.map(foldHeaderName)];
  const drop = (line: number): boolean => {
    const kind = lines.kinds[line] ?? knownHeader.other;
    if (isHopByHop(kind)) return kind !== knownHeader.upgrade || upgrade === null;
    const length = lines.nameLength(line);
    return unwanted.some((name) => name.length === length && name === foldHeaderName(lines.name(line)));
  };
  const rewritten = target.length > 0 || path !== head.target;
  return rewriteHead(lines, {
    startLine: rewritten
      ? [`${head.method} `, ...target, path.slice(copied), ` HTTP/1.${head.minorVersion}`]
      : undefined,
    drop,
    insert,
    body,
  });
}

function hasControl(value: Buffer): boolean {
  for (const byte of value) if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return true;
  return false;
}

function placeOf(swap: Swap): number {
  return swap.place === 'query' ? swap.offset : swap.line;
}

/** The first line of exactly this header. */
function lineOf({ lines }: RequestHead, name: string): number | undefined {
  for (let line = 0; line < lines.count; line++) {
    if (lines.name(line).toLowerCase() === name.toLowerCase()) return line;
  }
  return undefined;
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
