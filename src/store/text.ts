import { StandinError } from '../errors.ts';

/** `\u0000` and lone surrogates as JSON escapes them, after an even number of backslashes. */
const unstorableEscape = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i;

/**
 * Passes text that both databases can hold, and refuses U+0000 and lone surrogates with `bad_request`: PostgreSQL would
 * fail on them, SQLite would keep them and cut or change them later.
 */
export function storableText(text: string): string {
  if (isStorable(text)) return text;
  throw unstorable();
}

/** A JSON column's text, under the same rule for every string in it. */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (!unstorableEscape.test(text)) return text;
  throw unstorable();
}

/** JSON with the nearest storable text in every string, for what must be kept whatever a client sent. */
export function nearestStorableJson(json: string): string {
  // Looked for first, since it is much quicker to find than the whole, and hardly ever there.
  if (!json.includes('\\u') || !unstorableEscape.test(json)) return json;
  return JSON.stringify(JSON.parse(json), (_key, value: unknown) =>
    typeof value === 'string' && !isStorable(value) ? value.toWellFormed().replaceAll('\0', '\uFFFD') : value,
  );
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function unstorable(): StandinError {
  return new StandinError('bad_request', 'text must be well-formed Unicode without the character U+0000');
}
