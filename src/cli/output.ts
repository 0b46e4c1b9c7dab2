import { painter, wantsColor } from './color.ts';
import type { ColorChoice, Style } from './color.ts';
import type { Io } from './io.ts';
import { layOut, tableWriter } from './table.ts';
import type { Column } from './table.ts';
import { printable, widthOf } from './text.ts';
import { relativeTime, shortTime } from './times.ts';

/** What a command prints: tables and lines for people, JSON for programs. */
export interface Output {
  readonly json: boolean;
  /** Whether stdout is a terminal: there times are relative and tables as wide as it is. */
  readonly terminal: boolean;
  /** With `--json` the value alone; otherwise what `forPeople` writes. */
  result(value: unknown, forPeople: () => void): void;
  line(text?: string): void;
  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], options?: { empty?: string }): void;
  /** A table whose rows come one after the other. */
  growingTable<Row>(columns: readonly Column<Row>[]): (rows: readonly Row[]) => void;
  /** `name  value` lines, aligned. */
  fields(pairs: readonly (readonly [string, string | number | null | undefined])[]): void;
  /** One line to stderr, made printable, so that a program that reads stdout is not disturbed; nothing with `--json`. */
  note(text: string): void;
  /** The same, also with `--json`. */
  warn(text: string): void;
  /** An RFC 3339 time: how long ago on a terminal, the time itself elsewhere. */
  readonly time: (text: string | null | undefined) => string | null;
  /** Coloured where stdout may be: see `wantsColor`. */
  style(style: Style, text: string): string;
}

/** Writes to `io`; `json` for programs. */
export function createOutput(io: Io, { json, color }: { json: boolean; color?: ColorChoice | undefined }): Output {
  const style = painter(wantsColor(io, io.stdout, color));
  const styleNote = painter(wantsColor(io, io.stderr, color));
  const terminal = io.stdout.isTTY === true;
  const hasContent =
    <Row>(rows: readonly Row[]) =>
    ({ optional, of }: Column<Row>) =>
      optional !== true || !terminal || rows.some((row) => printable(of(row)) !== printable(null));
  const line = (text = '') => void io.stdout.write(`${text}\n`);
  const layout = () => ({
    width: terminal ? io.stdout.columns || 80 : undefined,
    heading: (title: string) => style('bold', title),
  });
  return {
    json,
    terminal,
    line,
    style,
    result: (value, forPeople) => {
      if (json) line(JSON.stringify(value, null, 2));
      else forPeople();
    },
    table: (rows, columns, options = {}) => {
      if (rows.length === 0) io.stderr.write(`${options.empty ?? 'none'}\n`);
      else for (const text of layOut(rows, columns.filter(hasContent(rows)), layout())) line(text);
    },
    growingTable: (columns) => {
      const write = tableWriter(columns, layout());
      return (rows) => write(rows).forEach(line);
    },
    fields: (pairs) => {
      const width = Math.max(...pairs.map(([name]) => widthOf(name)));
      for (const [name, value] of pairs) line(`${style('dim', name.padEnd(width))}  ${printable(value)}`);
    },
    note: (text) => {
      if (!json) io.stderr.write(`${styleNote('dim', printable(text))}\n`);
    },
    warn: (text) => void io.stderr.write(`${styleNote('yellow', 'warning')}: ${printable(text)}\n`),
    time: (text) => (terminal ? relativeTime(text) : shortTime(text)),
  };
}
