import { findCores, hexMarker, randomCharacters, textMarker } from '../../src/stand-in.ts';
import { formsOf } from '../security/traces.ts';

/** A credential of the run, as its own text says it: whoever finds one knows whose it was, and which. */
export interface ValueName {
  /** Index in the plan's secrets. */
  secret: number;
  /** Rises with each rotation that was tried. */
  version: number;
}

/** A form of a text that is looked for, and what to call it. */
export interface Pattern {
  name: string;
  bytes: Buffer;
}

/** Stands in the middle of every credential of a run, and in nothing else that is sent or written. */
const valueMark = 'Re4lVa1ue';
const shape = /[A-Za-z0-9]{12}Re4lVa1ue(\d{3})x(\d{6})[A-Za-z0-9]{12}/g;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A new credential, 43 characters, most of them random. */
export function makeValue({ secret, version }: ValueName): string {
  const number = `${String(secret).padStart(3, '0')}x${String(version).padStart(6, '0')}`;
  return `${randomCharacters(12, alphabet)}${valueMark}${number}${randomCharacters(12, alphabet)}`;
}

/** Which credentials stand in `text`, as they are. */
export function valuesIn(text: string): ValueName[] {
  return [...text.matchAll(shape)].map(([, secret, version]) => ({ secret: Number(secret), version: Number(version) }));
}

/** Any credential of any run: as it is, in hexadecimal, in percent escapes, in base64 at any alignment, in UTF-16. */
export const valuePatterns: readonly Pattern[] = patternsOf(valueMark);

/** Any stand-in, in the same forms. Clients and upstreams of a run never write the word otherwise. */
export const standInPatterns: readonly Pattern[] = [
  ...patternsOf(textMarker),
  { name: 'hexadecimal core', bytes: Buffer.from(hexMarker, 'latin1') },
];

/** Each form once: some texts have the same bytes in two of them. */
function patternsOf(text: string): Pattern[] {
  const escaped = text.replaceAll(/./g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const forms = [...formsOf(text), ['unicode escapes', Buffer.from(escaped)] as const];
  const byBytes = new Map(forms.map(([name, bytes]) => [bytes.toString('latin1'), { name, bytes }]));
  return [...byBytes.values()];
}

/** Whether a stand-in stands in `text`, as it is. */
export function hasStandIn(text: string): boolean {
  return findCores(text).length > 0;
}
