import { hiddenCores } from './inject-scan.ts';
import type { Opening } from './inject-plan.ts';
import type { BasicSlot, BindingSnapshot, HeaderSlot } from './ports.ts';
import type { HeaderLines } from './wire/head.ts';

/** A stand-in found in a slot of its rule, to be replaced by the real value. */
export type Swap = { readonly opening: Opening; readonly binding: BindingSnapshot } & (
  | { readonly place: 'header'; readonly slot: HeaderSlot; readonly line: number }
  /** `username`: what the client sent as such, null where the stand-in itself or nothing stood there. */
  | { readonly place: 'basic'; readonly slot: BasicSlot; readonly line: number; readonly username: string | null }
  /** `offset` of the stand-in in the target's path. */
  | { readonly place: 'query'; readonly offset: number }
);

const basicScheme = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/** The slot that the whole of a header line fits, or null. */
export function matchHeaderLine(openings: readonly Opening[], lines: HeaderLines, line: number): Swap | null {
  for (const opening of openings) {
    const { slot, binding, header } = opening;
    if (header === null || !lines.isNamed(line, header)) continue;
    if (slot.kind === 'header' && fitsHeader(slot, binding.standIn, lines.value(line))) {
      return { opening, binding, slot, place: 'header', line };
    }
    if (slot.kind === 'basic') {
      const credentials = decodeBasic(lines.value(line));
      const username = credentials === null ? undefined : fitsBasic(slot, binding.standIn, credentials);
      if (username !== undefined) return { opening, binding, slot, place: 'basic', line, username };
    }
  }
  return null;
}

/** The query slots that a path fills, each by the one parameter of its name. */
export function matchQuery(openings: readonly Opening[], path: string): Swap[] {
  const question = path.indexOf('?');
  const swaps: Swap[] = [];
  if (question === -1) return swaps;
  for (const opening of openings) {
    if (opening.slot.kind !== 'query') continue;
    const { name } = opening.slot;
    const named = queryParameters(path, question + 1).filter((each) => decodeParameter(each.name) === name);
    const [only] = named;
    if (named.length !== 1 || only?.name !== name || only.value !== opening.binding.standIn) continue;
    swaps.push({ opening, binding: opening.binding, place: 'query', offset: only.valueAt });
  }
  return swaps;
}

function fitsHeader({ before, after }: HeaderSlot, standIn: string, value: string): boolean {
  const end = before.length + standIn.length;
  return (
    value.length === end + after.length &&
    value.slice(before.length, end) === standIn &&
    (after === '' || value.endsWith(after)) &&
    (before === '' || value.startsWith(before) || value.slice(0, before.length).toLowerCase() === before.toLowerCase())
  );
}

/**
 * `user:password` of Basic credentials (RFC 7617 section 2), latin1. Null where they are not canonical base64: another
 * decoder might read something else in them.
 */
function decodeBasic(value: string): string | null {
  const encoded = basicScheme.exec(value)?.[1];
  if (encoded === undefined) return null;
  const decoded = Buffer.from(encoded, 'base64');
  return decoded.toString('base64') === encoded ? decoded.toString('latin1') : null;
}

/** The client's user name (null: none of its own) where the credentials fit the slot, undefined where they do not. */
function fitsBasic(slot: BasicSlot, standIn: string, credentials: string): string | null | undefined {
  const colon = credentials.indexOf(':');
  const user = colon === -1 ? credentials : credentials.slice(0, colon);
  const password = colon === -1 ? '' : credentials.slice(colon + 1);
  // A token as the lone user name is what `https://<token>@host/` gives, for either place.
  if (user === standIn && password === '') return null;
  if (slot.place === 'username' || password !== standIn || hiddenCores(user).length > 0) return undefined;
  return user === '' ? null : user;
}

function queryParameters(path: string, from: number): { name: string; value: string; valueAt: number }[] {
  let at = from;
  return path
    .slice(from)
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=');
      const nameEnd = equals === -1 ? pair.length : equals;
      const parameter = { name: pair.slice(0, nameEnd), value: pair.slice(nameEnd + 1), valueAt: at + nameEnd + 1 };
      at += pair.length + 1;
      return parameter;
    });
}

/** The name as a server would read it; undecodable names stay as they are. */
function decodeParameter(name: string): string {
  return name
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
