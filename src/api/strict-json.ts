import { StandinError } from '../errors.ts';

/**
 * JSON as RFC 8259 has it, in UTF-8 without a byte order mark, and stricter: an object that names a member twice is
 * refused (section 4 leaves its meaning to the reader, so two readers may disagree), as are `__proto__` and strings
 * with half of a surrogate pair. Throws `bad_request`. Nothing of the text is repeated, since it may hold a secret,
 * except the name of a member given twice.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    // No cause: the platform's message quotes the text.
    throw new StandinError('bad_request', 'the request body is not JSON: send one JSON object in UTF-8');
  }
  checkMembers(text);
  return value;
}

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;

/** Walks the tokens of a text that is known to be JSON. */
function checkMembers(text: string): void {
  // One entry for each open object (the members seen) or array (null).
  const open: (Set<string> | null)[] = [];
  let previous = '';
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(null);
    else if (token === '}' || token === ']') open.pop();
    else if (token.startsWith('"')) {
      const members = open.at(-1);
      checkString(token, previous === '{' || previous === ',' ? members : null);
    }
    previous = token;
  }
}

/** `members` is null where the string is not the name of a member. */
function checkString(token: string, members: Set<string> | null | undefined): void {
  const decoded = String(JSON.parse(token));
  if (!decoded.isWellFormed()) {
    throw new StandinError('bad_request', 'the request body has a string with half of a surrogate pair');
  }
  if (members === null || members === undefined) return;
  const shown = JSON.stringify(decoded.slice(0, 64));
  if (decoded === '__proto__') throw new StandinError('bad_request', `${shown}: cannot be the name of a field`);
  if (members.has(decoded)) {
    throw new StandinError('bad_request', `${shown}: is given twice in one object; give it once`, { field: decoded });
  }
  members.add(decoded);
}
