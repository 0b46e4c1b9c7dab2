import { stripVTControlCharacters, styleText } from 'node:util';
import type { Io } from './io.ts';

type Style = Parameters<typeof styleText>[0];

/** One column of a table: its heading and what it shows of a row. */
export interface Column<Row> {
  title: string;
  of: (row: Row) => string | number | null | undefined;
  align?: 'left' | 'right';
}

/** What a command prints: tables and lines for people, JSON for programs. */
export interface Output {
  readonly json: boolean;
  /** With `--json` the value alone; otherwise what `forPeople` writes. */
  result(value: unknown, forPeople: () => void): void;
  line(text?: string): void;
  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], options?: { empty?: string }): void;
  /** `name  value` lines, aligned. */
  fields(pairs: readonly (readonly [string, string | number | null | undefined])[]): void;
  /** To stderr, so that a program that reads stdout is not disturbed. */
  note(text: string): void;
  /** Coloured where stdout is a terminal and NO_COLOR is not set. */
  style(style: Style, text: string): string;
}

/** Writes to `io`; `json` for programs. */
export function createOutput(io: Io, { json }: { json: boolean }): Output {
  const style = (format: Style, text: string) => styleText(format, text, { stream: io.stdout });
  const line = (text = '') => void io.stdout.write(`${text}\n`);
  return {
    json,
    line,
    style,
    result: (value, forPeople) => {
      if (json) line(JSON.stringify(value, null, 2));
      else forPeople();
    },
    table: (rows, columns, options = {}) => {
      if (rows.length === 0) io.stderr.write(`${options.empty ?? 'none'}\n`);
      else for (const text of layOut(rows, columns, (title) => style('bold', title))) line(text);
    },
    fields: (pairs) => {
      const width = Math.max(...pairs.map(([name]) => name.length));
      for (const [name, value] of pairs) line(`${style('dim', name.padEnd(width))}  ${printable(value)}`);
    },
    note: (text) => void io.stderr.write(`${text}\n`),
  };
}

/** The lines of a table, heading first; no line ends in spaces. */
export function layOut<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  heading: (title: string) => string = (title) => title,
): string[] {
  const cells = rows.map((row) => columns.map((column) => printable(column.of(row))));
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...cells.map((row) => widthOf(row[at] ?? ''))),
  );
  const place = (texts: string[], dress: (text: string) => string) =>
    texts
      .map((text, at) => {
        const gap = ' '.repeat((widths[at] ?? 0) - widthOf(text));
        if (columns[at]?.align === 'right') return gap + dress(text);
        return at === texts.length - 1 ? dress(text) : dress(text) + gap;
      })
      .join('  ');
  return [
    place(
      columns.map((column) => column.title),
      heading,
    ),
    ...cells.map((row) => place(row, (text) => text)),
  ];
}

/**
 * A value from the server as it may be shown on a terminal. A path in the audit trail is chosen by the sandbox: control
 * and format characters (escape sequences, line breaks, text that runs backwards) are replaced.
 */
export function printable(value: string | number | null | undefined): string {
  if (value === null || value === undefined || value === '') return '–';
  return stripVTControlCharacters(String(value)).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{FFFD}');
}

/** An RFC 3339 time as people read it: `2026-01-31 08:15:00Z`. */
export function shortTime(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : text.replace('T', ' ').replace(/\.\d+/, '');
}

const graphemes = new Intl.Segmenter();

/** Columns on a terminal, near enough: what a reader takes for one character counts as one. */
function widthOf(text: string): number {
  return Array.from(graphemes.segment(text)).length;
}
