import { processTree } from '../cpu.ts';
import type { BenchOptions } from '../options.ts';
import { startStandinPeer } from '../peers/standin.ts';
import type { StandinPeer } from '../peers/standin.ts';
import { median } from '../report.ts';
import type { Setting } from '../setting.ts';
import type { Figure } from './figures.ts';

const many = 1000;
const bindings = 16;
const atOnce = 32;

/** Microseconds of CPU a request: of all processes, and of the one that keeps the records. */
interface Spent {
  all: number;
  main: number;
}
const none: Spent = { all: Number.NaN, main: Number.NaN };

/**
 * CPU a request when the requests are spread over 1,000 sandboxes with 16 bindings each, as a multiple of that with one
 * sandbox with one: both with 1,000 client connections that take turns, 32 requests at once.
 */
export async function measureSandboxes(setting: Setting, options: BenchOptions): Promise<Figure[]> {
  const servers: StandinPeer[] = [];
  try {
    servers.push(await startStandinPeer(setting.setup, { sandboxes: 1, bindings: 1 }));
    servers.push(await startStandinPeer(setting.setup, { sandboxes: many, bindings }));
    setting.note(`${many} sandboxes with ${bindings} bindings each were made`);
    const rounds: Spent[][] = [];
    for (let round = 0; round < options.rounds; round++) {
      const micros: Spent[] = [];
      for (const server of servers) micros.push(await measure(server));
      rounds.push(micros);
    }
    const of = (pick: (one: Spent, many: Spent) => number) =>
      median(rounds.map(([one = none, others = none]) => pick(one, others)));
    const micros = (name: string, label: string, pick: Parameters<typeof of>[0]) => ({
      name: `${name}_us`,
      label,
      value: of(pick),
      unit: 'µs',
    });
    return [
      micros('one_sandbox_cpu', 'CPU a request, one sandbox', (one) => one.all),
      micros('many_sandboxes_cpu', 'CPU a request, 1,000 sandboxes', (_, others) => others.all),
      micros('one_sandbox_main_cpu', 'main process of it, one sandbox', (one) => one.main),
      micros('many_sandboxes_main_cpu', 'main process of it, 1,000 sandboxes', (_, others) => others.main),
      { name: 'ratio_to_one_sandbox', label: 'ratio', value: of((one, others) => others.all / one.all), unit: '' },
    ];
  } finally {
    for (const server of servers) await server.stop();
  }

  async function measure(peer: StandinPeer): Promise<Spent> {
    const result = await setting.generator.run({
      targets: [...peer.sandboxes],
      request: { path: '/1kb', bodyBytes: 1024 },
      protocol: 'http/1.1',
      lanes: atOnce,
      connections: many,
      newConnections: false,
      rate: null,
      warmUpMs: 3000,
      measureMs: options.seconds * 1000,
      pids: processTree(peer.pid),
    });
    const micros = result.cpuNanoseconds.map((each) => each / 1000 / result.requests);
    return { all: micros.reduce((sum, each) => sum + each, 0), main: micros[0] ?? 0 };
  }
}
