/**
 * How many requests took how long: up to 20 ms to the millisecond, above in steps of a tenth. So a percentile is within 5%
 * of the exact one, and a minute of any load is a short text. The steps are kept in the database and never change.
 */
export type Latencies = Map<number, number>;

const exactMs = 20;
const step = Math.log(1.1);
const longestMs = 86_400_000;

export function countLatency(latencies: Latencies, ms: number): void {
  const bucket = bucketOf(ms);
  latencies.set(bucket, (latencies.get(bucket) ?? 0) + 1);
}

export function addLatencies(to: Latencies, from: Latencies): void {
  for (const [bucket, count] of from) to.set(bucket, (to.get(bucket) ?? 0) + count);
}

export function latenciesText(latencies: Latencies): string {
  return JSON.stringify([...latencies].toSorted(([a], [b]) => a - b));
}

export function latenciesOf(text: string): Latencies {
  return new Map<number, number>(JSON.parse(text));
}

/** Milliseconds below which half, 95 and 99 in a hundred were; null: there are none. */
export function percentilesOf(latencies: Latencies): { p50: number; p95: number; p99: number } | null {
  const counts = [...latencies].toSorted(([a], [b]) => a - b);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return null;
  const at = (share: number) => {
    let seen = 0;
    for (const [bucket, count] of counts) {
      seen += count;
      if (seen >= total * share) return middleOf(bucket);
    }
    return middleOf(counts.at(-1)?.[0] ?? 0);
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function bucketOf(ms: number): number {
  const whole = Math.min(longestMs, Math.max(0, Math.round(ms)));
  return whole < exactMs ? whole : exactMs + Math.floor(Math.log(whole / exactMs) / step);
}

function middleOf(bucket: number): number {
  return bucket < exactMs ? bucket : Math.round(exactMs * Math.exp((bucket - exactMs + 0.5) * step));
}
