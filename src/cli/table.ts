import { cut, printable, widthOf } from './text.ts';

/** One column of a table: its heading and what it shows of a row. */
export interface Column<Row> {
  title: string;
  of: (row: Row) => string | number | null | undefined;
  align?: 'left' | 'right';
  /** Never cut short: what the next command needs, such as an id or a name. */
  keep?: boolean;
  /** Left out on a terminal where no row has anything in it. */
  optional?: boolean;
}

export interface TableOptions {
  /** Columns of the terminal; without it nothing is cut. */
  width?: number | undefined;
  heading?: (title: string) => string;
}

const gap = '  ';
const leastWidth = 6;

/** The lines of a table, heading first; no line ends in spaces. */
export function layOut<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: TableOptions = {},
): string[] {
  return tableWriter(columns, options)(rows);
}

/**
 * Lays out rows that come one after the other: the first call begins with the heading, and a column is never narrower
 * than it was.
 */
export function tableWriter<Row>(
  columns: readonly Column<Row>[],
  { width = Number.POSITIVE_INFINITY, heading = (title) => title }: TableOptions = {},
): (rows: readonly Row[]) => string[] {
  const natural = columns.map((column) => widthOf(column.title));
  let begun = false;
  return (rows) => {
    const cells = rows.map((row) => columns.map((column) => printable(column.of(row))));
    for (const row of cells) {
      for (const [at, text] of row.entries()) natural[at] = Math.max(natural[at] ?? 0, widthOf(text));
    }
    const widths = fit(
      columns.map((column, at) => ({
        natural: natural[at] ?? 0,
        least: column.keep === true || column.align === 'right' ? null : Math.max(leastWidth, widthOf(column.title)),
      })),
      width - gap.length * (columns.length - 1),
    );
    const titles = columns.map(({ title }) => title);
    const lines = begun ? [] : [lineOf(titles, { columns, widths, dress: heading })];
    begun = true;
    return [...lines, ...cells.map((row) => lineOf(row, { columns, widths, dress: (text) => text }))];
  };
}

function lineOf(
  texts: readonly string[],
  {
    columns,
    widths,
    dress,
  }: { columns: readonly { align?: string }[]; widths: readonly number[]; dress: (text: string) => string },
): string {
  const cells = texts.map((text, at) => {
    const shown = cut(text, widths[at] ?? 0);
    const space = ' '.repeat(Math.max(0, (widths[at] ?? 0) - widthOf(shown)));
    if (columns[at]?.align === 'right') return space + dress(shown);
    return at === texts.length - 1 ? dress(shown) : dress(shown) + space;
  });
  return cells.join(gap);
}

/** Takes from the widest column that may give until all fit, or none may give any more. */
function fit(columns: readonly { natural: number; least: number | null }[], room: number): number[] {
  const widths = columns.map(({ natural }) => natural);
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  while (excess > 0) {
    let widest = -1;
    for (const [at, { least }] of columns.entries()) {
      const width = widths[at] ?? 0;
      if (least !== null && width > least && width > (widths[widest] ?? 0)) widest = at;
    }
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}
