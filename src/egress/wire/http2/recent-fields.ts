import type { HeaderLines } from '../head.ts';
import { outgoingField } from './header-field.ts';
import type { HeaderField } from './header-field.ts';

/** Longer lines are seldom the same again. */
const maxLength = 256;
const maxLines = 32;

/**
 * The fields that one connection's answers had last, by the place of their lines: answers of one server are alike line for
 * line, and the encoder knows the field that it has sent before.
 */
export class RecentFields {
  readonly #known: ({ text: string; field: HeaderField } | undefined)[] = [];

  /** The field of a line as HTTP/2 writes it, with its name in lower case. */
  of(lines: HeaderLines, line: number): HeaderField {
    const start = lines.lineStart(line);
    const length = (lines.marks[line * 4 + 3] ?? 0) - start;
    const known = this.#known[line];
    if (known !== undefined && known.text.length === length && startsWithAt(lines.text, known.text, start))
      return known.field;
    if (line >= maxLines || length > maxLength) return outgoingField(lines.name(line).toLowerCase(), lines.value(line));
    // Read anew: a slice of the head's text would keep all of that.
    const at = lines.base + start;
    const text = lines.bytes.toString('latin1', at, at + length);
    const value = (lines.marks[line * 4 + 2] ?? 0) - start;
    const field = outgoingField(text.slice(0, lines.nameLength(line)).toLowerCase(), text.slice(value));
    this.#known[line] = { text, field };
    return field;
  }
}

function startsWithAt(text: string, part: string, start: number): boolean {
  for (let at = 0; at < part.length; at++) {
    if (text.charCodeAt(start + at) !== part.charCodeAt(at)) return false;
  }
  return true;
}
