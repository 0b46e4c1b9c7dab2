import { processTree } from './cpu.ts';
import type { LoadOrder } from './load/protocol.ts';
import type { BenchOptions } from './options.ts';
import { peerStarters } from './peers/all.ts';
import type { Peer } from './peers/peer.ts';
import { startStandinPeer } from './peers/standin.ts';
import type { Sample } from './report.ts';
import type { Comparison } from './scenarios.ts';
import type { Setting } from './setting.ts';

/** Node compiles what runs often, as it goes: steady state is what is compared. */
const warmUpMs = 2_000;

/** Measures the scenarios on Standin and its peers, who take turns within each round. */
export async function compare(
  setting: Setting,
  scenarios: readonly Comparison[],
  options: Pick<BenchOptions, 'peers' | 'rounds' | 'seconds'>,
): Promise<Sample[]> {
  const standin = await startStandinPeer(setting.setup);
  setting.atEnd(() => standin.stop());
  const peers: Peer[] = [standin];
  for (const name of options.peers) {
    try {
      const peer = await peerStarters[name](setting.setup);
      setting.atEnd(() => peer.stop());
      peers.push(peer);
    } catch (error) {
      if (name === 'nginx') throw error;
      setting.note(`${name} is left out: ${messageOf(error)}; \`scripts/setup --bench\` installs it`);
    }
  }
  const samples: Sample[] = [];
  /** `peer scenario`: one failed answer is enough, and what came before it does not count. */
  const failed = new Set<string>();
  for (let round = 0; round < options.rounds; round++) {
    for (const scenario of scenarios) {
      for (const peer of peers.filter(({ protocols }) => protocols.includes(scenario.protocol))) {
        const pair = `${peer.name} ${scenario.name}`;
        if (failed.has(pair)) continue;
        try {
          const sample = await measure({ setting, peer, scenario, seconds: options.seconds });
          if (sample !== null) samples.push({ round, ...sample });
        } catch (error) {
          // Standin must not fail, and without nginx there is no ratio.
          if (peer === standin || peer.name === 'nginx') throw error;
          failed.add(pair);
          setting.note(`left out: ${messageOf(error)}`);
        }
      }
    }
    setting.note(`round ${round + 1} of ${options.rounds} done`);
  }
  return samples.filter(({ peer, scenario }) => !failed.has(`${peer} ${scenario}`));
}

/** At a rate over what a peer can do, requests only pile up: latencies would be the length of the measurement. */
const alwaysMeasured = new Set(['standin', 'nginx', 'haproxy', 'node-copy']);
/** Finds out what a peer can do. */
const probe = { warmUpMs: 500, measureMs: 500 };

/**
 * CPU and throughput from a closed loop, latency from an open one at a rate that is the same for all. A slower peer has no
 * latency, and null where that is all that was asked for.
 */
async function measure(run: {
  setting: Setting;
  peer: Peer;
  scenario: Comparison;
  seconds: number;
}): Promise<Omit<Sample, 'round'> | null> {
  const { setting, peer, scenario, seconds } = run;
  try {
    const order = orderOf(peer, scenario, seconds);
    const isSteady = alwaysMeasured.has(peer.name);
    const closed =
      scenario.closed || !isSteady
        ? await setting.generator.run({ ...order, ...(scenario.closed ? null : probe), rate: null })
        : null;
    const keepsUp = isSteady || closed === null || closed.requests / closed.seconds > (scenario.rate ?? 0);
    const open =
      scenario.rate === null || !keepsUp ? null : await setting.generator.run({ ...order, rate: scenario.rate });
    const loaded = scenario.closed ? closed : open;
    if (loaded === null) return null;
    const cpu = loaded.cpuNanoseconds.reduce((sum, each) => sum + each, 0);
    return {
      scenario: scenario.name,
      peer: peer.name,
      cpuMicros: cpu / 1000 / loaded.requests,
      requestsPerSecond: loaded.requests / loaded.seconds,
      coreUse: cpu / 1e9 / loaded.seconds,
      p50: open?.p50 ?? null,
      p99: open?.p99 ?? null,
      cipher: loaded.cipher,
    };
  } catch (error) {
    throw new Error(`${peer.name}, ${scenario.name}: ${messageOf(error)}`, { cause: error });
  }
}

/** A scenario as it is asked of the generator. */
export function orderOf(peer: Peer, scenario: Comparison, seconds: number): Omit<LoadOrder, 'rate'> {
  const { protocol, lanes, connections, newConnections, request } = scenario;
  return {
    targets: [peer.targets[scenario.host]],
    request,
    protocol,
    lanes,
    connections,
    newConnections,
    warmUpMs,
    measureMs: seconds * 1000,
    pids: processTree(peer.pid),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
