import { workerPids } from '../../test/support/processes.ts';
import { processTree } from '../cpu.ts';
import type { LoadResult } from '../load/protocol.ts';
import type { BenchOptions } from '../options.ts';
import { startStandinPeer } from '../peers/standin.ts';
import type { StandinPeer } from '../peers/standin.ts';
import { median } from '../report.ts';
import type { Setting } from '../setting.ts';
import type { Figure } from './figures.ts';

const lanes = 64;

/**
 * CPU a request with two workers as a multiple of that with one, both on the same cores, taking turns; and how the load
 * was shared, by the workers' CPU time. With fewer than three cores the workers share theirs with load generator and upstream.
 */
export async function measureTwoWorkers(setting: Setting, options: BenchOptions): Promise<Figure[]> {
  if (!setting.isWideApart)
    setting.note('two cores: the workers share them with load generator and upstream, so only ratios mean something');
  const servers: StandinPeer[] = [];
  try {
    for (const workers of [1, 2]) servers.push(await startStandinPeer(setting.wideSetup, { workers }));
    const rounds: { ratio: number; larger: number; one: number; two: number }[] = [];
    for (let round = 0; round < options.rounds; round++) {
      const [one, two] = [servers[0], servers[1]];
      if (one === undefined || two === undefined) break;
      const alone = cpuMicros(await load(one));
      const pids = processTree(two.pid);
      const result = await load(two, pids);
      const workers = new Set(workerPids(two.pid));
      const shares = result.cpuNanoseconds.filter((_, index) => workers.has(pids[index] ?? 0));
      const larger = Math.max(...shares) / shares.reduce((sum, each) => sum + each, 0);
      rounds.push({ ratio: cpuMicros(result) / alone, larger, one: alone, two: cpuMicros(result) });
    }
    const of = (pick: (each: (typeof rounds)[number]) => number) => median(rounds.map(pick));
    return [
      { name: 'one_worker_cpu_us', label: 'CPU a request, one worker', value: of((each) => each.one), unit: 'µs' },
      { name: 'two_workers_cpu_us', label: 'CPU a request, two workers', value: of((each) => each.two), unit: 'µs' },
      { name: 'ratio_to_one_worker', label: 'ratio', value: of((each) => each.ratio), unit: '' },
      {
        name: 'larger_share_percent',
        label: 'share of the busier worker',
        value: 100 * of((each) => each.larger),
        unit: '%',
      },
    ];
  } finally {
    for (const server of servers) await server.stop();
  }

  function load(peer: StandinPeer, pids = processTree(peer.pid)): Promise<LoadResult> {
    return setting.generator.run({
      targets: [peer.targets.bound],
      request: { path: '/1kb', bodyBytes: 1024 },
      protocol: 'http/1.1',
      lanes,
      connections: lanes,
      newConnections: false,
      rate: null,
      warmUpMs: 2000,
      measureMs: options.seconds * 1000,
      pids,
    });
  }
}

function cpuMicros({ cpuNanoseconds, requests }: LoadResult): number {
  return cpuNanoseconds.reduce((sum, each) => sum + each, 0) / 1000 / requests;
}
