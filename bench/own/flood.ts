import type { LoadRequest, LoadShape } from '../load/protocol.ts';
import type { BenchOptions } from '../options.ts';
import { startStandinPeer } from '../peers/standin.ts';
import { median } from '../report.ts';
import type { Setting } from '../setting.ts';
import { upstreamHosts } from '../upstream.ts';
import type { Figure } from './figures.ts';

/** Requests a second of the sandbox whose latency counts: far less than its share. */
const quietRate = 250;
const quietLanes = 16;
/** The flood has begun by then, with all its connections. */
const warmUpMs = 3000;

const small: LoadRequest = { path: '/1kb', bodyBytes: 1024 };
const keptAlive = { protocol: 'http/1.1', newConnections: false } as const;

/** What the other sandbox does, as much of it as it can. */
const floods: readonly (LoadShape & { name: string; label: string; request: LoadRequest })[] = [
  {
    ...keptAlive,
    name: 'requests',
    label: '256 connections on keep-alive',
    request: small,
    lanes: 256,
    connections: 256,
  },
  {
    ...keptAlive,
    name: 'connections',
    label: 'new connections, 64 at once',
    request: small,
    lanes: 64,
    connections: 64,
    newConnections: true,
  },
  {
    ...keptAlive,
    name: 'downloads',
    label: '1 MB downloads, 64 at once',
    request: { path: '/1mb', bodyBytes: 1024 * 1024 },
    lanes: 64,
    connections: 64,
  },
  {
    ...keptAlive,
    name: 'http2',
    label: '100 streams of HTTP/2',
    protocol: 'h2',
    request: small,
    lanes: 100,
    connections: 1,
  },
];

/** One round of one flood. */
interface Round {
  quiet: number;
  beside: number;
  /** Requests a second of the flood. */
  flood: number;
}

/**
 * p99 of a sandbox that asks at a fixed modest rate, beside another one at full blast, as a multiple of its p99 when it is
 * alone; one worker, the two taking turns within a round. What is on the other core is not to be measured: the flood has an
 * upstream of its own, and that one and its generator have the lowest priority there.
 */
export async function measureFlood(setting: Setting, options: BenchOptions): Promise<Figure[]> {
  const floodedPort = await setting.startBackgroundUpstream();
  const peer = await startStandinPeer(setting.setup, { sandboxes: 2, floodedPort });
  const [quiet, second] = peer.sandboxes;
  if (quiet === undefined || second === undefined) throw new Error('there are no two sandboxes');
  const loud = { ...second, host: upstreamHosts.flooded, authority: upstreamHosts.flooded };
  const measureMs = options.seconds * 1000;
  const p99 = async () => {
    const order = { ...keptAlive, request: small, lanes: quietLanes, connections: quietLanes, rate: quietRate };
    return (await setting.generator.run({ ...order, targets: [quiet], warmUpMs, measureMs, pids: [] })).p99;
  };
  const rounds = new Map(floods.map(({ name }) => [name, new Array<Round>()]));
  try {
    for (let round = 0; round < options.rounds; round++) {
      for (const { name, label: _, ...shape } of floods) {
        const alone = await p99();
        const flood = setting.background.run({
          ...shape,
          targets: [loud],
          rate: null,
          warmUpMs: 500,
          measureMs: warmUpMs + measureMs,
          pids: [],
        });
        const beside = await p99();
        const { requests, seconds } = await flood;
        rounds.get(name)?.push({ quiet: alone, beside, flood: requests / seconds });
      }
    }
  } finally {
    await peer.stop();
  }
  return floods.flatMap(({ name, label }) => {
    const of = (pick: (round: Round) => number) => median((rounds.get(name) ?? []).map(pick));
    return [
      { name: `${name}_per_second`, label, value: of((each) => each.flood), unit: 'requests/s' },
      {
        name: `${name}_quiet_p99_ms`,
        label: '  p99 of the other one alone',
        value: of((each) => each.quiet),
        unit: 'ms',
      },
      {
        name: `${name}_p99_ms`,
        label: '  p99 of the other one beside it',
        value: of((each) => each.beside),
        unit: 'ms',
      },
      { name: `${name}_ratio`, label: '  ratio', value: of((each) => each.beside / each.quiet), unit: '' },
    ];
  });
}
