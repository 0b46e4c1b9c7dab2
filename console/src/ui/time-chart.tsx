import type { JSX } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import { exactly } from './time.tsx';
import { useWidth } from './use-width.ts';

export interface Series {
  name: string;
  /** A class that colours it: `s1` … `s3`, `bad`, `warn`. */
  tone: string;
  /** Null: there is nothing to say of that step. */
  values: readonly (number | null)[];
}

export interface TimeChartProps {
  title: string;
  /** What one point is of: "requests a second". */
  unit: string;
  /** The number that says it all, beside the title. */
  headline: string;
  /** The start of each step, in milliseconds. */
  times: readonly number[];
  series: readonly Series[];
  /** Bars stand on each other; lines do not. */
  shape: 'bars' | 'lines';
  format: (value: number) => string;
  /** Moments that explain what is seen, in milliseconds. */
  marks?: readonly { at: number; label: string }[];
}

const height = 132;
const pad = { top: 8, right: 4, bottom: 20, left: 40 };

/** Values over time as a picture: a line follows the pointer or the arrow keys, and the numbers are there as a table too. */
export function TimeChart(props: TimeChartProps): JSX.Element {
  const { times, series, shape, format } = props;
  const id = useId();
  const figure = useRef<HTMLElement>(null);
  const width = useWidth(figure);
  const [at, setAt] = useState<number>();
  const inner = { width: Math.max(1, width - pad.left - pad.right), height: height - pad.top - pad.bottom };
  const step = inner.width / Math.max(1, times.length);
  const sums = times.map((_time, index) => series.reduce((sum, { values }) => sum + (values[index] ?? 0), 0));
  const peak = niceAbove(
    Math.max(0, ...(shape === 'bars' ? sums : series.flatMap(({ values }) => values.map((value) => value ?? 0)))),
  );
  const y = (value: number) => pad.top + inner.height * (1 - value / peak);
  const x = (index: number) => pad.left + index * step;
  const move = (by: number) =>
    setAt((before) => Math.min(times.length - 1, Math.max(0, (before ?? times.length - 1) + by)));

  return (
    <figure class="card chart" ref={figure}>
      <figcaption class="row spread">
        <h2>{props.title}</h2>
        <span class="headline">{props.headline}</span>
      </figcaption>
      <svg
        width={width}
        height={height}
        role="img"
        tabIndex={0}
        aria-labelledby={`${id}-title`}
        aria-describedby={`${id}-now`}
        onPointerMove={(event) => {
          const index = Math.floor((event.offsetX - pad.left) / step);
          setAt(index >= 0 && index < times.length ? index : undefined);
        }}
        onPointerLeave={() => setAt(undefined)}
        onBlur={() => setAt(undefined)}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
          event.preventDefault();
          move(event.key === 'ArrowLeft' ? -1 : 1);
        }}
      >
        <title id={`${id}-title`}>{`${props.title}, ${props.unit}: ${props.headline}`}</title>
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line class="grid" x1={pad.left} x2={width - pad.right} y1={y(peak * part)} y2={y(peak * part)} />
            <text x={pad.left - 6} y={y(peak * part) + 3.5} text-anchor="end">
              {format(peak * part)}
            </text>
          </g>
        ))}
        {timeTicks(times, inner.width).map((index) => (
          <text key={index} x={x(index)} y={height - 5} text-anchor={index === 0 ? 'start' : 'middle'}>
            {clock(times[index] ?? 0, times)}
          </text>
        ))}
        {shape === 'bars'
          ? series.map(({ name, tone, values }, which) => (
              <g key={name} class={`bars ${tone}`}>
                {values.map((value, index) => {
                  if (value === 0 || value === null) return null;
                  const under = series.slice(0, which).reduce((sum, each) => sum + (each.values[index] ?? 0), 0);
                  const top = y(under + value);
                  return (
                    <rect
                      key={index}
                      x={x(index) + 0.5}
                      y={top}
                      width={Math.max(1, step - 1)}
                      height={Math.max(1, y(under) - top)}
                    />
                  );
                })}
              </g>
            ))
          : series.map(({ name, tone, values }) => (
              <path key={name} class={`line ${tone}`} d={linePath(values, (index) => x(index) + step / 2, y)} />
            ))}
        {marksWithin(props.marks ?? [], times).map(({ label, part }, which) => (
          <g key={label} class="moment">
            <line
              x1={pad.left + part * inner.width}
              x2={pad.left + part * inner.width}
              y1={pad.top}
              y2={pad.top + inner.height}
            />
            <text
              x={pad.left + part * inner.width + (part > 0.8 ? -4 : 4)}
              y={pad.top + 9 + (which % 2) * 12}
              text-anchor={part > 0.8 ? 'end' : 'start'}
            >
              {label}
            </text>
          </g>
        ))}
        {at !== undefined && (
          <line class="cursor" x1={x(at) + step / 2} x2={x(at) + step / 2} y1={pad.top} y2={pad.top + inner.height} />
        )}
      </svg>
      <p class="legend" id={`${id}-now`} aria-live="polite">
        {series.map(({ name, tone, values }) => (
          <span key={name} class={`key ${tone}`}>
            {name}
            {at !== undefined && <strong> {said(values[at], format)}</strong>}
          </span>
        ))}
        {at !== undefined && <span class="muted">{exactly(times[at] ?? 0)}</span>}
      </p>
      <details>
        <summary>As a table</summary>
        <div class="scroll" tabIndex={0} role="group" aria-label={`${props.title} as a table`}>
          <table class="plain-table">
            <thead>
              <tr>
                <th scope="col">From</th>
                {series.map(({ name }) => (
                  <th key={name} scope="col" class="end">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((time, index) => (
                <tr key={time}>
                  <td>{exactly(time)}</td>
                  {series.map(({ name, values }) => (
                    <td key={name} class="end">
                      {said(values[index], format)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

/** A line that stops where there is no value; a value alone is a point. */
function linePath(
  values: readonly (number | null)[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  let drawing = false;
  let path = '';
  for (const [index, value] of values.entries()) {
    if (value !== null) path += `${drawing ? 'L' : 'M'}${x(index)} ${y(value)}${drawing ? '' : 'h0.01'}`;
    drawing = value !== null;
  }
  return path;
}

function said(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value);
}

function marksWithin(marks: NonNullable<TimeChartProps['marks']>, times: readonly number[]) {
  const [first = 0, second = 0] = times;
  const span = times.length * (second - first);
  return marks
    .map(({ at, label }) => ({ label, part: (at - first) / span }))
    .filter(({ part }) => part >= 0 && part <= 1);
}

/** The next of 1, 2, 5, 10, 20, … that is no less. */
export function niceAbove(value: number): number {
  if (value <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((each) => each * unit >= value) ?? 10) * unit;
}

/** Steps that get a label: as many as there is room for. */
function timeTicks(times: readonly number[], width: number): number[] {
  const every = Math.max(1, Math.ceil(times.length / Math.max(2, Math.floor(width / 88))));
  return times.map((_time, index) => index).filter((index) => index % every === 0 && index <= times.length - every / 2);
}

function clock(time: number, times: readonly number[]): string {
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
  const date = new Date(time);
  if (span > 3 * 86_400_000) return date.toLocaleDateString(undefined, { month: 'short', day: 'numeric' });
  return date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
}
