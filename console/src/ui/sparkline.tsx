import type { JSX } from 'preact';

const width = 96;
const height = 22;

/** A small picture of counts over time; its name says their sum and their peak. */
export function Sparkline({ counts, span }: { counts: readonly number[]; span: string }): JSX.Element {
  const peak = Math.max(0, ...counts);
  const total = counts.reduce((sum, each) => sum + each, 0);
  const name = total === 0 ? `not used in ${span}` : `${total} uses in ${span}, at most ${peak} in one step`;
  const step = width / Math.max(1, counts.length);
  return (
    <svg
      class="sparkline"
      role="img"
      aria-label={name}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
    >
      <title>{name}</title>
      <line class="base" x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} />
      {counts.map((count, index) => {
        const tall = count === 0 ? 0 : Math.max(2, (count / peak) * (height - 3));
        return (
          <rect
            key={index}
            x={index * step}
            y={height - 1 - tall}
            width={Math.max(1, step - 1)}
            height={tall}
            rx="0.75"
          />
        );
      })}
    </svg>
  );
}
