/** One peer in one scenario in one round. */
export interface Sample {
  scenario: string;
  peer: string;
  round: number;
  cpuMicros: number;
  requestsPerSecond: number;
  /** Share of the proxy's core that its processes used in the closed loop, 0 to 1. */
  coreUse: number;
  p50: number;
  p99: number;
  cipher: string;
}

/** Medians over the rounds. */
export interface PeerSummary {
  cpu_us_per_request: number;
  /** Median of the ratios to nginx within each round. */
  ratio_to_nginx: number;
  requests_per_second: number;
  core_use: number;
  p50_ms: number;
  p99_ms: number;
  cipher: string;
}

/** What `--json` prints for a scenario: Standin's own figures, then every peer's. */
export interface ScenarioSummary extends PeerSummary {
  scenario: string;
  rounds: number;
  seconds: number;
  peers: Record<string, PeerSummary>;
}

/** Condenses the samples of one scenario. `subject` is the peer whose figures come first. */
export function summarise(
  samples: readonly Sample[],
  subject: string,
  run: { scenario: string; rounds: number; seconds: number },
): ScenarioSummary {
  const own = samples.filter((each) => each.scenario === run.scenario);
  const nginx = new Map(own.filter((each) => each.peer === 'nginx').map((each) => [each.round, each.cpuMicros]));
  const names = [...new Set(own.map((each) => each.peer))];
  const peers = Object.fromEntries(
    names.map((name) => [
      name,
      summarisePeer(
        own.filter((each) => each.peer === name),
        nginx,
      ),
    ]),
  );
  const first = peers[subject];
  if (first === undefined) throw new Error(`nothing was measured for ${subject}`);
  const { scenario, rounds, seconds } = run;
  return { scenario, ...first, rounds, seconds, peers };
}

function summarisePeer(samples: Sample[], nginx: ReadonlyMap<number, number>): PeerSummary {
  const of = (pick: (sample: Sample) => number) => round(median(samples.map(pick)));
  return {
    cpu_us_per_request: of((each) => each.cpuMicros),
    ratio_to_nginx: of((each) => each.cpuMicros / (nginx.get(each.round) ?? Number.NaN)),
    requests_per_second: of((each) => each.requestsPerSecond),
    core_use: of((each) => each.coreUse),
    p50_ms: of((each) => each.p50),
    p99_ms: of((each) => each.p99),
    cipher: samples[0]?.cipher ?? '',
  };
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** A table for people. */
export function renderTable(summary: ScenarioSummary, title: string): string {
  const rows = [
    ['', 'CPU µs/request', '× nginx', 'requests/s', 'core used', 'p50 ms', 'p99 ms'],
    ...Object.entries(summary.peers).map(([name, peer]) => [
      name,
      peer.cpu_us_per_request.toFixed(1),
      peer.ratio_to_nginx.toFixed(2),
      peer.requests_per_second.toFixed(0),
      `${(peer.core_use * 100).toFixed(0)} %`,
      peer.p50_ms.toFixed(2),
      peer.p99_ms.toFixed(2),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
  return [`${summary.scenario}: ${title}`, ...lines.map((line) => `  ${line}`)].join('\n');
}
