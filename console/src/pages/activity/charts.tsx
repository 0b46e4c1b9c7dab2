import type { JSX } from 'preact';
import type { Answer } from '../../../../src/contract/operations.ts';
import { plural } from '../../ui/bits.tsx';
import { TimeChart } from '../../ui/time-chart.tsx';

type Figures = Answer<'getActivity'>;

/** Rate, latency, what was refused, and what tripped a wire. */
export function Charts({ activity }: { activity: Figures }): JSX.Element {
  const { buckets, bucket_seconds: seconds } = activity;
  const times = buckets.map(({ at }) => Date.parse(at));
  const total = (of: 'requests' | 'refusals' | 'tripwires' | 'failures') =>
    buckets.reduce((sum, each) => sum + each[of], 0);
  const slowest = Math.max(0, ...buckets.map(({ p95_ms: ms }) => ms ?? 0));
  return (
    <div class="charts">
      <TimeChart
        title="Requests"
        unit="requests a second"
        headline={plural(total('requests'), 'request')}
        times={times}
        shape="bars"
        series={[{ name: 'Requests a second', tone: 's1', values: buckets.map(({ requests }) => requests / seconds) }]}
        format={short}
      />
      <TimeChart
        title="Latency"
        unit="milliseconds"
        headline={slowest === 0 ? 'nothing answered' : `p95 at most ${milliseconds(slowest)}`}
        times={times}
        shape="lines"
        series={[
          { name: 'p50', tone: 'soft', values: buckets.map(({ p50_ms: ms }) => ms) },
          { name: 'p95', tone: 's1', values: buckets.map(({ p95_ms: ms }) => ms) },
          { name: 'p99', tone: 'warn', values: buckets.map(({ p99_ms: ms }) => ms) },
        ]}
        format={milliseconds}
      />
      <TimeChart
        title="Refused and failed"
        unit="requests"
        headline={`${total('refusals').toLocaleString('en')} refused, ${total('failures').toLocaleString('en')} failed`}
        times={times}
        shape="bars"
        series={[
          { name: 'Refused by the proxy', tone: 'bad', values: buckets.map(({ refusals }) => refusals) },
          { name: 'Failed upstream', tone: 'warn', values: buckets.map(({ failures }) => failures) },
        ]}
        format={short}
      />
      <TimeChart
        title="Tripwires"
        unit="stand-ins seen where they must not be"
        headline={plural(total('tripwires'), 'tripwire')}
        times={times}
        shape="bars"
        series={[{ name: 'Tripwires', tone: 'bad', values: buckets.map(({ tripwires }) => tripwires) }]}
        format={short}
      />
    </div>
  );
}

function short(value: number): string {
  if (value >= 1000) return `${(value / 1000).toFixed(value >= 10_000 ? 0 : 1)}k`;
  if (value >= 10 || Number.isInteger(value)) return String(Math.round(value));
  return value.toPrecision(2).replace(/\.?0+$/, '');
}

function milliseconds(value: number): string {
  return value >= 1000 ? `${short(value / 1000)} s` : `${short(value)} ms`;
}
