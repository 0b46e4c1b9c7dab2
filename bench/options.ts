import { parseArgs } from 'node:util';
import { scenarios, unavailable } from './scenarios.ts';
import type { Scenario } from './scenarios.ts';

/** What the command line asks for. */
export interface BenchOptions {
  scenarios: readonly Scenario[];
  json: boolean;
  save: boolean;
  rounds: number;
  /** Of each loop; a round has two for each scenario and peer. */
  seconds: number;
}

export const usage = `npm run bench -- [--only <scenario>] [--rounds <n>] [--seconds <n>] [--json] [--save]

CPU time a request, requests a second and latency of Standin's proxy beside nginx and HAProxy doing the same header
swap, each on one core, in one interleaved run; medians over the rounds.

  --only     one of ${[...scenarios.map((each) => each.name), ...Object.keys(unavailable)].join(', ')}
  --rounds   how often each is measured (5)
  --seconds  length of each measurement (2)
  --json     one JSON object a line for each scenario, instead of a table
  --save     also writes the result, with machine and commit, to bench/results/`;

/** The command line was not understood, or asks for what there is not: exit 2. */
export class UsageError extends Error {}

/** Reads the arguments. Throws {@link UsageError}. */
export function parseOptions(args: string[]): BenchOptions | 'help' {
  const values = readArguments(args);
  if (values.help === true) return 'help';
  return {
    scenarios: values.only === undefined ? scenarios : [findScenario(values.only)],
    json: values.json ?? false,
    save: values.save ?? false,
    rounds: positive('--rounds', values.rounds ?? '5'),
    seconds: positive('--seconds', values.seconds ?? '2'),
  };
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        only: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        json: { type: 'boolean' },
        save: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function findScenario(name: string): Scenario {
  const found = scenarios.find((each) => each.name === name);
  if (found !== undefined) return found;
  const reason = unavailable[name];
  if (reason !== undefined) throw new UsageError(`--only ${name}: ${reason}`);
  throw new UsageError(`--only ${name}: no such scenario; there are ${scenarios.map((each) => each.name).join(', ')}`);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`${name} ${text}: must be a whole number from 1`);
  return value;
}
