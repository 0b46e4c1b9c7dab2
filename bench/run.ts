import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAuthority } from '../test/support/certificates.ts';
import { skipWithout } from '../test/support/processes.ts';
import { divideCores, processTree } from './cpu.ts';
import { startGenerator } from './load/client.ts';
import type { LoadGenerator } from './load/client.ts';
import { describeMachine } from './machine.ts';
import { parseOptions, usage, UsageError } from './options.ts';
import type { BenchOptions } from './options.ts';
import { startHaproxyPeer } from './peers/haproxy.ts';
import { startNginxPeer } from './peers/nginx.ts';
import type { Peer, PeerSetup } from './peers/peer.ts';
import { startStandinPeer } from './peers/standin.ts';
import { renderTable, summarise } from './report.ts';
import type { Sample, ScenarioSummary } from './report.ts';
import type { Scenario } from './scenarios.ts';
import { startUpstream, upstreamHost } from './upstream.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options === 'help') console.log(usage);
    else await bench(options);
    return 0;
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function bench(options: BenchOptions): Promise<void> {
  const cores = divideCores();
  const note = (line: string) => void (options.json || console.log(line));
  if (cores === null)
    note('one core only: proxy, load generator and upstream share it, which makes every figure worse');
  if (skipWithout('nginx') !== false)
    throw new Error('nginx is missing, and everything is measured against it: apt-get install nginx');
  const stops: (() => unknown)[] = [];
  try {
    const authority = makeAuthority();
    const upstream = await startUpstream(authority.issue([upstreamHost]), pin(cores?.others));
    stops.push(() => upstream.stop());
    const generator = startGenerator(pin(cores?.others));
    stops.push(() => generator.stop());
    const peers: Peer[] = [];
    for (const start of peerStarters(note)) {
      const peer = await start({ authority, upstreamPort: upstream.port, launcher: pin(cores?.proxy) });
      stops.push(() => peer.stop());
      peers.push(peer);
    }
    const samples: Sample[] = [];
    for (let round = 0; round < options.rounds; round++) {
      for (const scenario of options.scenarios) {
        for (const peer of peers) {
          samples.push({ round, ...(await measure({ generator, peer, scenario, seconds: options.seconds })) });
        }
      }
      note(`round ${round + 1} of ${options.rounds} done`);
    }
    const summaries = options.scenarios.map((scenario) =>
      summarise(samples, 'standin', { scenario: scenario.name, rounds: options.rounds, seconds: options.seconds }),
    );
    for (const [index, summary] of summaries.entries()) {
      console.log(
        options.json ? JSON.stringify(summary) : `\n${renderTable(summary, options.scenarios[index]?.summary ?? '')}`,
      );
    }
    if (options.save) note(`\nsaved ${save(summaries)}`);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

function pin(cores: string | undefined): string[] {
  return cores === undefined ? [] : ['taskset', '-c', cores];
}

function peerStarters(note: (line: string) => void): ((setup: PeerSetup) => Promise<Peer>)[] {
  if (skipWithout('haproxy') === false) return [startStandinPeer, startNginxPeer, startHaproxyPeer];
  note('haproxy is missing and left out: apt-get install haproxy');
  return [startStandinPeer, startNginxPeer];
}

/** CPU and throughput from a closed loop, then latency from an open one at a rate that is the same for all. */
async function measure(run: {
  generator: LoadGenerator;
  peer: Peer;
  scenario: Scenario;
  seconds: number;
}): Promise<Omit<Sample, 'round'>> {
  const { generator, peer, scenario, seconds } = run;
  const order = {
    target: peer.target,
    request: requestText(scenario.path, peer.credential),
    bodyBytes: scenario.bodyBytes,
    lanes: scenario.lanes,
    newConnections: scenario.newConnections,
    // Node compiles what runs often, as it goes: steady state is what is compared.
    warmUpMs: 2_000,
    measureMs: seconds * 1000,
    pids: processTree(peer.pid),
  };
  try {
    const closed = await generator.run({ ...order, rate: null });
    const open = await generator.run({ ...order, rate: scenario.rate });
    return {
      scenario: scenario.name,
      peer: peer.name,
      cpuMicros: closed.cpuNanoseconds / 1000 / closed.requests,
      requestsPerSecond: closed.requests / closed.seconds,
      coreUse: closed.cpuNanoseconds / 1e9 / closed.seconds,
      p50: open.p50,
      p99: open.p99,
      cipher: closed.cipher,
    };
  } catch (error) {
    throw new Error(`${peer.name}, ${scenario.name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** What an SDK sends, about. */
function requestText(path: string, credential: string): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${upstreamHost}`,
    'User-Agent: example-sdk/1.2.3 (linux; x64)',
    'Accept: application/json',
    'Accept-Encoding: gzip, deflate',
    `Authorization: Bearer ${credential}`,
    'X-Request-Timeout: 600',
    'Content-Type: application/json',
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function save(summaries: ScenarioSummary[]): string {
  const machine = describeMachine();
  const date = new Date().toISOString();
  const directory = join(import.meta.dirname, 'results');
  const name = `${date.slice(0, 10)}-${machine.commit.slice(0, 12)}.json`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), `${JSON.stringify({ date, machine, scenarios: summaries }, null, 2)}\n`);
  return join('bench', 'results', name);
}
