import { HeaderLines } from '../head.ts';
import { knownHeader } from '../known-headers.ts';
import { http2Header } from './header-field.ts';
import type { HeaderField } from './header-field.ts';

/**
 * The lines of a head that came over HTTP/2, as HTTP/1.1 would write them: so one judge reads both. Each line keeps its
 * field, which the other leg's encoder may know already.
 */
export class FieldLines extends HeaderLines {
  readonly fields: readonly HeaderField[];

  /** The head is `startLine`, which has its CRLF, the lines of `fields` in their order, and an empty line. */
  constructor(startLine: string, fields: readonly HeaderField[]) {
    const text = headText(startLine, fields);
    const bytes = Buffer.from(text, 'latin1');
    super(bytes, 0, bytes.length, text);
    this.fields = fields;
    this.count = fields.length;
    const { marks, kinds } = this;
    let at = startLine.length;
    let mark = 0;
    for (const { name, value, kind } of fields) {
      const nameEnd = at + name.length;
      const valueEnd = nameEnd + 2 + value.length;
      marks[mark] = at;
      marks[mark + 1] = nameEnd;
      marks[mark + 2] = nameEnd + 2;
      marks[mark + 3] = valueEnd;
      mark += 4;
      kinds.push(kind >= http2Header.cookie ? knownHeader.other : kind);
      at = valueEnd + 2;
    }
  }

  override name(line: number): string {
    return this.fields[line]?.name ?? '';
  }

  override value(line: number): string {
    return this.fields[line]?.value ?? '';
  }
}

/** Trailers as a trailer section of HTTP/1.1 (RFC 9112 section 7.1.2), with its empty line: what the judge of trailers reads. */
export function trailerSection(fields: readonly HeaderField[]): Buffer {
  return Buffer.from(headText('', fields), 'latin1');
}

function headText(startLine: string, fields: readonly HeaderField[]): string {
  let text = startLine;
  for (const field of fields) text += field.line;
  return `${text}\r\n`;
}
