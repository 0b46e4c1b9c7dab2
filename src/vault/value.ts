import { isUtf8 } from 'node:buffer';
import { exposeSecret } from '../crypto/secret.ts';
import type { Secret } from '../crypto/secret.ts';
import { badField } from '../errors.ts';
import { findCores } from '../stand-in.ts';

/** The longest value that is stored, in bytes of UTF-8. */
export const valueLimit = 8192;

/** Judges a value without ever quoting it: its length, its encoding, and that it fits into a header. */
export function requireValue(value: Secret): void {
  const bytes = exposeSecret(value);
  if (bytes.length < 1 || bytes.length > valueLimit) {
    throw badField('value', `must be 1 to ${valueLimit} bytes of UTF-8, and is ${bytes.length}`);
  }
  if (!isUtf8(bytes)) throw badField('value', 'must be well-formed UTF-8');
  if (bytes.includes('\n') || bytes.includes('\r')) {
    throw badField('value', 'must not hold a line break; was one copied along at its end?');
  }
  if (bytes.includes(0)) throw badField('value', 'must not hold a NUL character');
  if (findCores(bytes.toString('latin1')).length > 0) {
    throw badField('value', 'is a stand-in, not a credential; give the real value');
  }
}

/** Which of `prefixes` the value starts with, the longest that fits, or null. Tells nothing else of it. */
export function leadingPrefix(value: Secret, prefixes: readonly string[]): string | null {
  const bytes = exposeSecret(value);
  const fitting = prefixes.filter(
    (prefix) => prefix !== '' && bytes.subarray(0, prefix.length).equals(Buffer.from(prefix)),
  );
  return fitting.toSorted((a, b) => b.length - a.length)[0] ?? null;
}
