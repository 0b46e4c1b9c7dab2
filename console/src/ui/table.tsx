import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface Column<Row> {
  id: string;
  title: string;
  /** A track of CSS grid: `minmax(0, 2fr)`, `6rem`. */
  width: string;
  end?: boolean;
  /** Its place where there is no room: of those with none, nothing is shown there. */
  narrow?: 'main' | 'side' | 'sub';
  cell: (row: Row) => ComponentChildren;
}

const spare = 12;
const nearEnd = 30;

/**
 * A table of any length that scrolls with the page: only rows that can be seen are in the document, all of one height,
 * and screen readers are told how many there are.
 */
export function Table<Row>(props: {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string | number;
  tone?: (row: Row) => 'bad' | 'warn' | undefined;
  /** Asked for as the end comes near. */
  onMore?: () => void;
  /** There is no more than these rows. */
  complete?: boolean;
  rowHeight?: number;
}): JSX.Element {
  const { rows, columns, onMore, complete = true } = props;
  const body = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const height = narrow ? 60 : (props.rowHeight ?? 42);
  const [first, last] = useSeen(body, rows.length, height);
  useEffect(() => {
    if (!complete && last >= rows.length - nearEnd) onMore?.();
  }, [last, rows.length, complete, onMore]);
  const tracks = columns.map(({ width }) => width).join(' ');
  return (
    <div
      class="table"
      role="table"
      aria-label={props.label}
      aria-rowcount={complete ? rows.length + 1 : -1}
      style={{ '--columns': tracks }}
    >
      <div role="rowgroup" class="head-group">
        <div class="line head" role="row" aria-rowindex={1}>
          {columns.map((column) => (
            <div key={column.id} role="columnheader" class={cellClass(column)}>
              {column.title}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" class="body" ref={body} style={{ height: `${rows.length * height}px` }}>
        {rows.slice(first, last).map((row, index) => (
          <div
            key={props.rowKey(row)}
            class={`line ${props.tone?.(row) ?? ''}`}
            role="row"
            aria-rowindex={first + index + 2}
            style={{ height: `${height}px`, transform: `translateY(${(first + index) * height}px)` }}
          >
            {columns.map((column) => (
              <div key={column.id} role="cell" class={cellClass(column)}>
                {column.cell(row)}
              </div>
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

function cellClass<Row>({ end, narrow }: Column<Row>): string {
  return `cell${end === true ? ' end' : ''}${narrow === undefined ? '' : ` n-${narrow}`}`;
}

const narrowQuery = '(max-width: 46rem)';

export function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia(narrowQuery).matches);
  useEffect(() => {
    const query = matchMedia(narrowQuery);
    const listener = () => setNarrow(query.matches);
    query.addEventListener('change', listener);
    return () => query.removeEventListener('change', listener);
  }, []);
  return narrow;
}

/** The rows that the window shows, and some on either side. */
function useSeen(body: { current: HTMLElement | null }, count: number, height: number): [first: number, last: number] {
  const [[first, last], setSeen] = useState<[number, number]>([0, 50]);
  useLayoutEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      const top = body.current?.getBoundingClientRect().top ?? 0;
      const from = Math.max(0, Math.floor(-top / height) - spare);
      const to = Math.max(from, Math.ceil((innerHeight - top) / height) + spare);
      setSeen((before) => (before[0] === from && before[1] === to ? before : [from, to]));
    };
    const soon = () => {
      if (frame === 0) frame = requestAnimationFrame(look);
    };
    look();
    addEventListener('scroll', soon, { passive: true });
    addEventListener('resize', soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', soon);
      removeEventListener('resize', soon);
    };
  }, [count, height]);
  return [Math.min(first, count), Math.min(last, count)];
}
