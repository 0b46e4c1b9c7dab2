import { processTree, residentKb } from '../cpu.ts';
import type { BenchOptions } from '../options.ts';
import { orderOf } from '../compare.ts';
import { startStandinPeer } from '../peers/standin.ts';
import { scenarios } from '../scenarios.ts';
import type { Setting } from '../setting.ts';
import type { Figure } from './figures.ts';

const sampleMs = 1000;
const sliceSeconds = 2;

/**
 * Runs every comparison's load in turn for so many minutes, samples the resident set of all processes once a second, and fits a
 * line to the second half, when caches and pools have filled.
 */
export async function measureMemory(setting: Setting, options: BenchOptions): Promise<Figure[]> {
  const peer = await startStandinPeer(setting.setup);
  const samples: { minutes: number; megabytes: number }[] = [];
  const start = performance.now();
  const end = start + options.minutes * 60_000;
  const pids = processTree(peer.pid);
  const sample = () => {
    samples.push({ minutes: (performance.now() - start) / 60_000, megabytes: residentKb(pids) / 1024 });
  };
  const timer = setInterval(sample, sampleMs);
  let requests = 0;
  try {
    const mix = scenarios.filter((each) => each.kind === 'comparison' && each.closed);
    for (let turn = 0; performance.now() < end; turn++) {
      const scenario = mix[turn % mix.length];
      if (scenario?.kind !== 'comparison') continue;
      const order = { ...orderOf(peer, scenario, sliceSeconds), warmUpMs: 100, rate: null };
      requests += (await setting.generator.run(order)).requests;
    }
    const later = samples.filter(({ minutes }) => minutes >= options.minutes / 2);
    const megabytes = later.map((each) => each.megabytes);
    return [
      { name: 'minutes', label: 'mixed load', value: options.minutes, unit: 'minutes' },
      { name: 'requests', label: 'requests', value: requests, unit: '' },
      { name: 'first_mb', label: 'resident at first', value: samples[0]?.megabytes ?? 0, unit: 'MB' },
      { name: 'least_mb', label: 'least in the second half', value: Math.min(...megabytes), unit: 'MB' },
      { name: 'most_mb', label: 'most in the second half', value: Math.max(...megabytes), unit: 'MB' },
      { name: 'slope_mb_per_minute', label: 'slope of the second half', value: slope(later), unit: 'MB/minute' },
    ];
  } finally {
    clearInterval(timer);
    await peer.stop();
  }
}

/** Of the line through the points with the least squares. */
export function slope(points: readonly { minutes: number; megabytes: number }[]): number {
  const mean = (pick: (each: (typeof points)[number]) => number) =>
    points.reduce((sum, each) => sum + pick(each), 0) / points.length;
  const x = mean((each) => each.minutes);
  const y = mean((each) => each.megabytes);
  const along = points.reduce((sum, each) => sum + (each.minutes - x) ** 2, 0);
  const both = points.reduce((sum, each) => sum + (each.minutes - x) * (each.megabytes - y), 0);
  return both / along;
}
