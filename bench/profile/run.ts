import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { workerPids } from '../../test/support/processes.ts';
import { orderOf } from '../compare.ts';
import { processTree, threadsOf } from '../cpu.ts';
import { startStandinPeer } from '../peers/standin.ts';
import type { StandinPeer } from '../peers/standin.ts';
import { alignColumns } from '../report.ts';
import { floodOnce, floodPeer } from '../own/flood.ts';
import type { Profiled } from '../scenarios.ts';
import type { Setting } from '../setting.ts';
import { readProfile, topOfSelfTime } from './self-time.ts';

const shown = 25;

/**
 * Runs one scenario on Standin with V8's profiler in each of its processes. `directory` gets the `.cpuprofile` files, which
 * browsers' developer tools read. Returns what a person is told: CPU time by process and thread, and each profile's top.
 */
export async function profile(
  setting: Setting,
  scenario: Profiled,
  { seconds, directory }: { seconds: number; directory: string },
): Promise<string> {
  const into = resolve(directory);
  mkdirSync(into, { recursive: true });
  const old = new Set(readdirSync(into));
  const env = { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${into} --cpu-prof-interval=500` };
  const peer =
    scenario.kind === 'own' ? await floodPeer(setting, { env }) : await startStandinPeer(setting.setup, { env });
  const lines: string[] = [];
  const span = { from: 0, to: 0 };
  let stopped = false;
  try {
    const pids = processTree(peer.pid);
    const workers = new Set(workerPids(peer.pid));
    const before = new Map(pids.flatMap((pid) => threadsOf(pid)).map(({ id, nanoseconds }) => [id, nanoseconds]));
    // The profiler itself is never at rest, so nobody waits for that.
    span.from = monotonicMicros();
    const requests = await load(setting, scenario, { peer, seconds });
    span.to = monotonicMicros();
    lines.push(`${scenario.name}: ${scenario.summary}; ${requests} requests, with the profiler on`);
    const rows = pids.flatMap((pid) =>
      threadsOf(pid)
        .map(({ id, nanoseconds }) => ({ id, spent: nanoseconds - (before.get(id) ?? 0) }))
        .filter(({ spent }) => spent > 1e6)
        .toSorted((a, b) => b.spent - a.spent)
        .map(({ id, spent }) => {
          const role = workers.has(pid) ? 'worker' : 'main process';
          return [`${role} ${pid}`, `thread ${threadName(pid, id)}`, `${(spent / 1e6).toFixed(0)} ms`];
        }),
    );
    lines.push('', 'CPU time of threads, warm-up included', ...alignColumns(rows));
    await peer.stop();
    stopped = true;
  } finally {
    if (!stopped) await peer.stop();
  }
  for (const file of readdirSync(into).filter((name) => name.endsWith('.cpuprofile') && !old.has(name))) {
    const { milliseconds, functions } = topOfSelfTime(readProfile(readFileSync(join(into, file), 'utf8')), {
      count: shown,
      span,
    });
    if (milliseconds < 50) continue;
    lines.push('', `${join(into, basename(file))}: ${milliseconds.toFixed(0)} ms not idle, by self time`);
    lines.push(...alignColumns(functions.map(({ name, share }) => [name, `${(share * 100).toFixed(1)} %`])));
  }
  return lines.join('\n');
}

/** Runs the scenario once; resolves with its requests. */
async function load(
  setting: Setting,
  scenario: Profiled,
  { peer, seconds }: { peer: StandinPeer; seconds: number },
): Promise<number> {
  if (scenario.kind === 'own') return floodOnce(setting, peer, seconds * 1000);
  const order = { ...orderOf(peer, scenario, seconds), pids: [], rate: scenario.closed ? null : scenario.rate };
  return (await setting.generator.run(order)).requests;
}

function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** `comm` of proc_pid_comm(5), with the thread's id. */
function threadName(pid: number, id: number): string {
  return `${readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim()} ${id}`;
}
