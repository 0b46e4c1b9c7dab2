import type { LoadRequest, LoadResult, LoadShape } from '../load/protocol.ts';
import type { BenchOptions } from '../options.ts';
import { startStandinPeer } from '../peers/standin.ts';
import type { StandinPeer, StandinSize } from '../peers/standin.ts';
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
type Flood = LoadShape & { name: string; label: string; request: LoadRequest };
const floods = {
  requests: {
    ...keptAlive,
    name: 'requests',
    label: '256 connections on keep-alive',
    request: small,
    lanes: 256,
    connections: 256,
  },
  connections: {
    ...keptAlive,
    name: 'connections',
    label: 'new connections, 64 at once',
    request: small,
    lanes: 64,
    connections: 64,
    newConnections: true,
  },
  downloads: {
    ...keptAlive,
    name: 'downloads',
    label: '1 MB downloads, 64 at once',
    request: { path: '/1mb', bodyBytes: 1024 * 1024 },
    lanes: 64,
    connections: 64,
  },
  http2: {
    ...keptAlive,
    name: 'http2',
    label: '100 streams of HTTP/2',
    protocol: 'h2',
    request: small,
    lanes: 100,
    connections: 1,
  },
} as const satisfies Record<string, Flood>;

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
  const peer = await floodPeer(setting);
  const measureMs = options.seconds * 1000;
  const p99 = async () => (await askQuietly(setting, peer, measureMs)).p99;
  const rounds = new Map(Object.values<Flood>(floods).map(({ name }) => [name, new Array<Round>()]));
  try {
    for (let round = 0; round < options.rounds; round++) {
      for (const { name, label: _, ...shape } of Object.values(floods)) {
        const alone = await p99();
        const flood = startFlood(setting, peer, { shape, measureMs });
        const beside = await p99();
        const { requests, seconds } = await flood;
        rounds.get(name)?.push({ quiet: alone, beside, flood: requests / seconds });
      }
    }
  } finally {
    await peer.stop();
  }
  return Object.values(floods).flatMap(({ name, label }) => {
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

/** A server with two sandboxes: a quiet one and one that floods an upstream of its own. */
export async function floodPeer(setting: Setting, size: Pick<StandinSize, 'env'> = {}): Promise<StandinPeer> {
  const floodedPort = await setting.startBackgroundUpstream();
  return startStandinPeer(setting.setup, { ...size, sandboxes: 2, floodedPort });
}

function askQuietly(setting: Setting, { sandboxes }: StandinPeer, measureMs: number): Promise<LoadResult> {
  const order = { ...keptAlive, request: small, lanes: quietLanes, connections: quietLanes, rate: quietRate };
  return setting.generator.run({ ...order, targets: sandboxes.slice(0, 1), warmUpMs, measureMs, pids: [] });
}

function startFlood(
  setting: Setting,
  { sandboxes }: StandinPeer,
  { shape, measureMs }: { shape: Omit<Flood, 'name' | 'label'>; measureMs: number },
): Promise<LoadResult> {
  const [, loud] = sandboxes;
  if (loud === undefined) throw new Error('there is no second sandbox');
  const target = { ...loud, host: upstreamHosts.flooded, authority: upstreamHosts.flooded };
  return setting.background.run({
    ...shape,
    targets: [target],
    rate: null,
    warmUpMs: 500,
    measureMs: warmUpMs + measureMs,
    pids: [],
  });
}

/** The flood of new connections beside the quiet sandbox, once; resolves with the requests of both. */
export async function floodOnce(setting: Setting, peer: StandinPeer, measureMs: number): Promise<number> {
  const { name: _, label: __, ...shape } = floods.connections;
  const flood = startFlood(setting, peer, { shape, measureMs });
  const { requests } = await askQuietly(setting, peer, measureMs);
  return requests + (await flood).requests;
}
