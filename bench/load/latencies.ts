/** Durations, of which quantiles are wanted. */
export interface Latencies {
  add(milliseconds: number): void;
  count(): number;
  /** The smallest duration that the share `q` of all does not exceed; NaN where there is none. */
  quantile(q: number): number;
}

/** Keeps every one: a run has some ten thousand. */
export function latencies(): Latencies {
  const values: number[] = [];
  return {
    add: (milliseconds) => void values.push(milliseconds),
    count: () => values.length,
    quantile: (q) => {
      values.sort((a, b) => a - b);
      return values[Math.max(0, Math.ceil(values.length * q) - 1)] ?? Number.NaN;
    },
  };
}
