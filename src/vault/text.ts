import { badField, StandinError } from '../errors.ts';

/** Names that the team chose are shown to people and kept in two databases: no control characters, no broken UTF-16. */
export function requireLabel(field: string, text: string, most: number): string {
  if (text.length < 1 || text.length > most) throw badField(field, `must be 1 to ${most} characters`);
  if (/\p{Cc}/u.test(text)) throw badField(field, 'must not hold control characters');
  return requireText(field, text);
}

/** Any text that both databases and a process environment can hold. */
export function requireText(field: string, text: string): string {
  if (text.includes('\0')) throw badField(field, 'must not hold a NUL character');
  if (!text.isWellFormed()) throw badField(field, 'must be well-formed Unicode, without lone surrogates');
  return text;
}

/** The name of an environment variable. */
export function requireEnvKey(field: string, key: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
    throw badField(field, 'an environment variable is letters, digits and _, and does not start with a digit');
  }
  return key;
}

/** A whole number from `least` to `most`. */
export function requireWhole(field: string, value: number, [least, most]: readonly [number, number]): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw badField(field, `must be a whole number from ${least} to ${most}`);
  }
  return value;
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}

/** What another team has does not exist, and is refused in the very words used for what was never there. */
export function notFound(what: string): StandinError {
  return new StandinError('not_found', `no such ${what}`);
}
