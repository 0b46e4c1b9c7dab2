import type { BenchOptions } from '../options.ts';
import type { OwnScenario } from '../scenarios.ts';
import type { Setting } from '../setting.ts';
import type { Figure } from './figures.ts';
import { measureFlood } from './flood.ts';
import { measureIdleTunnels } from './idle-tunnels.ts';
import { measureLists } from './lists.ts';
import { measureMemory } from './memory.ts';
import { measureSandboxLife } from './sandbox-life.ts';
import { measureSandboxes } from './sandboxes.ts';
import { measureTwoWorkers } from './two-workers.ts';

/** What measures each scenario that concerns Standin alone. */
export const ownScenarios: Readonly<
  Record<OwnScenario['name'], (setting: Setting, options: BenchOptions) => Promise<Figure[]>>
> = {
  'two-workers': measureTwoWorkers,
  'sandboxes-1000': measureSandboxes,
  flood: measureFlood,
  'idle-tunnels': measureIdleTunnels,
  memory: measureMemory,
  'sandbox-life': measureSandboxLife,
  lists: measureLists,
};
