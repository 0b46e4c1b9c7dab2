/** One assignment of a `.env` file, and where it stands. */
export interface Assignment {
  name: string;
  value: string;
  /** From its first character to the end of its value and comment, without the line break; indexes of the text. */
  start: number;
  end: number;
  /** Counts from 1. */
  line: number;
}

/**
 * `NAME=value` with an optional `export`, in the dialect of the `dotenv` packages: values without quotes end at ` #`
 * or the line, single quotes and backticks keep everything, double quotes know `\n`, `\r`, `\t`, `\"` and `\\`; quoted
 * values may have several lines. Anything else is passed over: a comment, an empty line, or no assignment.
 */
export function parseDotenv(text: string): Assignment[] {
  const found: Assignment[] = [];
  let at = text.startsWith('\u{FEFF}') ? 1 : 0;
  while (at < text.length) {
    const assignment = assignmentAt(text, at);
    if (assignment !== null) found.push(assignment);
    const end = text.indexOf('\n', assignment?.end ?? at);
    if (end === -1) break;
    at = end + 1;
  }
  return found;
}

const head = /[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*/y;
const quoted: Record<string, RegExp> = {
  "'": /'([^']*)'/y,
  '"': /"((?:[^"\\]|\\[^])*)"/y,
  '`': /`([^`]*)`/y,
};
const rest = /[ \t]*(?:#[^\r\n]*)?(?=\r?\n|$)/y;
const plain = /[^\r\n]*/y;

function assignmentAt(text: string, start: number): Assignment | null {
  const begun = matchAt(head, text, start);
  const [, name] = begun ?? [];
  if (begun === null || name === undefined) return null;
  const line = text.slice(0, start).split('\n').length;
  const from = start + begun[0].length;
  const quote = text[from] ?? '';
  const inQuotes = quoted[quote] === undefined ? null : matchAt(quoted[quote], text, from);
  if (inQuotes !== null) {
    const after = matchAt(rest, text, from + inQuotes[0].length);
    if (after !== null) {
      const raw = inQuotes[1] ?? '';
      const value = quote === '"' ? unescape(raw) : raw;
      return { name, value, start, end: from + inQuotes[0].length + after[0].length, line };
    }
  }
  const whole = matchAt(plain, text, from)?.[0] ?? '';
  const value = (whole.startsWith('#') ? '' : whole.replace(/\s#.*$/, '')).trim();
  return { name, value, start, end: from + whole.length, line };
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t' };

function unescape(text: string): string {
  return text.replaceAll(/\\([nrt"\\$])/g, (_, letter: string) => escapes[letter] ?? letter);
}
