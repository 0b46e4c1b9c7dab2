import { alignColumns, round } from '../report.ts';

/** A figure of what is measured on Standin alone. */
export interface Figure {
  /** Its key in `--json`. */
  name: string;
  /** What a table calls it. */
  label: string;
  value: number;
  unit: string;
  /** What it is to be at most. */
  target?: number;
}

/** What `--json` prints: the figures by their names. */
export type OwnSummary = { scenario: string } & Record<string, number | string>;

/** To four significant digits. */
export function summariseFigures(scenario: string, figures: readonly Figure[]): OwnSummary {
  return { scenario, ...Object.fromEntries(figures.map(({ name, value }) => [name, round(value)])) };
}

/** A table for people. */
export function renderFigures(title: string, figures: readonly Figure[]): string {
  const rows = figures.map(({ label, value, unit, target }) => [
    label,
    `${round(value)} ${unit}`.trimEnd(),
    ...(target === undefined ? [] : [`${value <= target ? 'within' : 'OVER'} ${target} ${unit}`]),
  ]);
  return [title, ...alignColumns(rows)].join('\n');
}
