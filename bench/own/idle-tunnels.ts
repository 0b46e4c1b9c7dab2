import { setTimeout as delay } from 'node:timers/promises';
import { cpuNanoseconds, processTree, residentKb } from '../cpu.ts';
import { openLanes } from '../load/lane.ts';
import type { Lane } from '../load/lane.ts';
import { startStandinPeer } from '../peers/standin.ts';
import type { Setting } from '../setting.ts';
import type { Figure } from './figures.ts';

const tunnels = 10_000;
/** They are spread over these, as no sandbox has so many. */
const sandboxes = 100;
/** What the process holds once for all of them (compiled code, pools) is there before the counting begins. */
const warmTunnels = 500;
const askedAtOnce = 32;
const batch = 250;

/**
 * Opens 10,000 tunnels whose TLS ends at the proxy, has one request answered on each, leaves them idle, and divides what the
 * processes have grown by their number; then each is asked again, which shows that it is alive. All of it within the two
 * minutes after which the proxy closes an idle connection; one without any request is closed after 30 seconds.
 */
export async function measureIdleTunnels(setting: Setting): Promise<Figure[]> {
  const peer = await startStandinPeer(setting.setup, { sandboxes });
  const held: Lane[] = [];
  const open = async (count: number) => {
    for (let left = count; left > 0; left -= batch) {
      const lanes = await openLanes({
        targets: peer.sandboxes,
        request: { path: '/1kb', bodyBytes: 1024 },
        protocol: 'http/1.1',
        lanes: Math.min(batch, left),
        connections: Math.min(batch, left),
        newConnections: false,
      });
      held.push(...lanes);
      await askAll(lanes);
    }
  };
  const pids = processTree(peer.pid);
  try {
    await open(warmTunnels);
    await settled(pids);
    const before = residentKb(pids);
    await open(tunnels);
    await settled(pids);
    const idle = residentKb(pids);
    await askAll(held.slice(warmTunnels));
    return [
      { name: 'tunnels', label: 'held, each answered when asked', value: tunnels, unit: '' },
      { name: 'resident_kb_each', label: 'resident each', value: (idle - before) / tunnels, unit: 'KB' },
      { name: 'resident_mb', label: 'all processes', value: idle / 1024, unit: 'MB' },
    ];
  } finally {
    for (const lane of held) lane.close();
    await peer.stop();
  }
}

async function askAll(lanes: readonly Lane[]): Promise<void> {
  const waiting = [...lanes];
  const askNext = async () => {
    for (let lane = waiting.pop(); lane !== undefined; lane = waiting.pop()) await lane.ask();
  };
  await Promise.all(Array.from({ length: askedAtOnce }, askNext));
}

/** Idle connections to the upstream have been closed, and the processes do next to nothing: collected or not, that is it. */
async function settled(pids: number[]): Promise<void> {
  const until = performance.now() + 17_000;
  for (;;) {
    const before = cpuNanoseconds(pids);
    await delay(1000);
    if (performance.now() > until && cpuNanoseconds(pids) - before < 50e6) return;
    if (performance.now() > until + 60_000) throw new Error('it was still busy a minute later');
  }
}
