import { parseArgs } from 'node:util';
import { peerNames } from './peers/all.ts';
import type { PeerName } from './peers/all.ts';
import { isProfiled, scenarios } from './scenarios.ts';
import type { Scenario } from './scenarios.ts';

/** What the command line asks for. */
export interface BenchOptions {
  scenarios: readonly Scenario[];
  /** Beside Standin; nginx is always among them. */
  peers: readonly PeerName[];
  json: boolean;
  save: boolean;
  rounds: number;
  /** Of each loop; a round has up to two for each scenario and peer. */
  seconds: number;
  /** Of the mixed load of `memory`. */
  minutes: number;
  /** Where the profiles of a run go; null: none is made. */
  profile: string | null;
}

const defaultPeers: readonly PeerName[] = ['nginx', 'haproxy'];

export const usage = `npm run bench -- [--only <scenarios>] [--peers <peers>] [--rounds <n>] [--seconds <n>] [--minutes <n>]
                 [--profile <dir>] [--json] [--save]

CPU time a request, requests a second and latency of Standin's proxy beside others doing the same header swap, each on
one core, in one interleaved run; medians over the rounds. Then what concerns Standin alone.

  --only     scenarios, comma separated (all):
${scenarios.map((each) => `               ${each.name.padEnd(16)}${each.summary}`).join('\n')}
  --peers    all, or some of ${peerNames.join(', ')} (${defaultPeers.join(',')})
  --rounds   how often each is measured (5)
  --seconds  length of each measurement (2)
  --minutes  length of the mixed load of memory (10)
  --profile  instead of measuring, runs one scenario on Standin and writes CPU profiles to this directory; prints CPU time by
             process and thread, and the functions with the most time of their own; of flood, that of new connections
  --json     one JSON object a line for each scenario, instead of a table
  --save     also writes the result, with machine and commit, to bench/results/`;

/** The command line was not understood, or asks for what there is not: exit 2. */
export class UsageError extends Error {}

/** Reads the arguments. Throws {@link UsageError}. */
export function parseOptions(args: string[]): BenchOptions | 'help' {
  const values = readArguments(args);
  if (values.help === true) return 'help';
  const options: BenchOptions = {
    scenarios: values.only === undefined ? scenarios : values.only.split(',').map(findScenario),
    peers: values.peers === undefined ? defaultPeers : findPeers(values.peers),
    json: values.json ?? false,
    save: values.save ?? false,
    rounds: positive('--rounds', values.rounds ?? '5'),
    seconds: positive('--seconds', values.seconds ?? '2'),
    minutes: positive('--minutes', values.minutes ?? '10'),
    profile: values.profile ?? null,
  };
  if (options.profile !== null && (options.scenarios.length !== 1 || !options.scenarios.every(isProfiled)))
    throw new UsageError('--profile: wants --only with one scenario: flood, or one that others are measured in too');
  return options;
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        only: { type: 'string' },
        peers: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        minutes: { type: 'string' },
        profile: { type: 'string' },
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
  throw new UsageError(`--only ${name}: no such scenario; there are ${scenarios.map((each) => each.name).join(', ')}`);
}

function findPeers(text: string): PeerName[] {
  if (text === 'all') return [...peerNames];
  const wanted = text.split(',');
  const unknown = wanted.find((name) => peerNames.every((each) => each !== name));
  if (unknown !== undefined)
    throw new UsageError(`--peers ${unknown}: no such peer; there are ${peerNames.join(', ')}`);
  // Ratios are to nginx.
  return peerNames.filter((each) => each === 'nginx' || wanted.includes(each));
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`${name} ${text}: must be a whole number from 1`);
  return value;
}
