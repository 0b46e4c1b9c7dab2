/** One peer in one scenario in one round; null where the scenario does not ask for it. */
export interface Sample {
  scenario: string;
  peer: string;
  round: number;
  cpuMicros: number;
  requestsPerSecond: number;
  /** Share of the proxy's core that its processes used, 0 to 1. */
  coreUse: number;
  p50: number | null;
  p99: number | null;
  cipher: string;
}

/** Medians over the rounds; a ratio is the median of the ratios to nginx within each round. */
export interface PeerSummary {
  cpu_us_per_request: number;
  /** Of `cpu_us_per_request`. */
  ratio_to_nginx: number;
  requests_per_second: number;
  core_use: number;
  p50_ms: number | null;
  p99_ms: number | null;
  p50_ratio_to_nginx: number | null;
  p99_ratio_to_nginx: number | null;
  cipher: string;
}

/** What `--json` prints for a scenario: Standin's own figures, then every peer's. */
export interface ScenarioSummary extends PeerSummary {
  scenario: string;
  rounds: number;
  seconds: number;
  peers: Record<string, PeerSummary>;
}

type Measure = (sample: Sample) => number | null;

/** Condenses the samples of one scenario. `subject` is the peer whose figures come first. */
export function summarise(
  samples: readonly Sample[],
  subject: string,
  run: { scenario: string; rounds: number; seconds: number },
): ScenarioSummary {
  const own = samples.filter((each) => each.scenario === run.scenario);
  const nginx = new Map(own.filter((each) => each.peer === 'nginx').map((each) => [each.round, each]));
  const byPeer = Map.groupBy(own, (each) => each.peer);
  const peers = Object.fromEntries([...byPeer].map(([name, its]) => [name, summarisePeer(its, nginx)]));
  const first = peers[subject];
  if (first === undefined) throw new Error(`nothing was measured for ${subject}`);
  const { scenario, rounds, seconds } = run;
  return { scenario, ...first, rounds, seconds, peers };
}

function summarisePeer(samples: Sample[], nginx: ReadonlyMap<number, Sample>): PeerSummary {
  const of = (pick: Measure) => round(median(samples.map((each) => pick(each) ?? Number.NaN)));
  const ratio = (pick: Measure) =>
    round(
      median(
        samples.map((each) => {
          const base = nginx.get(each.round);
          return (pick(each) ?? Number.NaN) / ((base === undefined ? null : pick(base)) ?? Number.NaN);
        }),
      ),
    );
  const orNull = (value: number) => (Number.isNaN(value) ? null : value);
  return {
    cpu_us_per_request: of((each) => each.cpuMicros),
    ratio_to_nginx: ratio((each) => each.cpuMicros),
    requests_per_second: of((each) => each.requestsPerSecond),
    core_use: of((each) => each.coreUse),
    p50_ms: orNull(of((each) => each.p50)),
    p99_ms: orNull(of((each) => each.p99)),
    p50_ratio_to_nginx: orNull(ratio((each) => each.p50)),
    p99_ratio_to_nginx: orNull(ratio((each) => each.p99)),
    cipher: samples[0]?.cipher ?? '',
  };
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** To four significant digits. */
export function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** A table for people. */
export function renderTable(summary: ScenarioSummary, title: string): string {
  const fixed = (value: number | null, digits = 2) => (value === null ? '' : value.toFixed(digits));
  const rows = [
    ['', 'CPU µs/request', '× nginx', 'requests/s', 'core used', 'p50 ms', '× nginx', 'p99 ms', '× nginx'],
    ...Object.entries(summary.peers).map(([name, peer]) => [
      name,
      peer.cpu_us_per_request.toFixed(1),
      peer.ratio_to_nginx.toFixed(2),
      peer.requests_per_second.toFixed(0),
      `${(peer.core_use * 100).toFixed(0)} %`,
      fixed(peer.p50_ms),
      fixed(peer.p50_ratio_to_nginx),
      fixed(peer.p99_ms),
      fixed(peer.p99_ratio_to_nginx),
    ]),
  ];
  return [`${summary.scenario}: ${title}`, ...alignColumns(rows)].join('\n');
}

/** Lines of a table: the first column flush left, the others flush right. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    `  ${row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')}`.trimEnd(),
  );
}
