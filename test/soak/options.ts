import { parseArgs } from 'node:util';

/** What a run is asked to do. */
export interface SoakOptions {
  minutes: number;
  /** Seconds; 0: no faults but those of upstreams. */
  killEvery: number;
  database: 'postgres' | 'sqlite';
  seed: number;
  /** Requests a second of all clients together, about. */
  rate: number;
  external: number;
  bubblewrap: number;
  /** A file for the report as JSON; null: none. */
  report: string | null;
  /** The report on stdout is JSON. */
  json: boolean;
}

/** Said instead of a run. */
export class UsageError extends Error {}

export const help = `Usage: npm run soak -- [options]

Runs a real server under mixed load while its workers and itself are killed, its database stops and its upstreams
fail, and checks that nothing leaked and nothing was lost. Ends with 1 where something was.

  --minutes N         how long (60)
  --kill-every TIME   a worker is killed this often: 20s, 1m (20s)
  --no-kills          nothing is killed, stopped or restarted: for memory
  --database KIND     postgres, or sqlite, which is locked instead of stopped (postgres where it is installed)
  --rate N            requests a second of all clients together (200)
  --external N        sandboxes that are run elsewhere (3)
  --bubblewrap N      bubblewrap sandboxes (2 where they can run, else 0)
  --seed N            another number, another run; how it goes depends on the machine too (1)
  --report FILE       writes the report there as JSON
  --json              prints it as JSON instead of text
  --help

Examples:
  npm run soak -- --minutes 60 --report soak.json
  npm run soak -- --minutes 10 --no-kills
  npm run soak -- --minutes 2 --kill-every 5s --database sqlite --seed 7
`;

/** What can run on this machine. */
export interface Machine {
  postgres: boolean;
  bubblewrap: boolean;
}

/** Null: help was asked for. Throws UsageError. */
export function readOptions(args: string[], machine: Machine): SoakOptions | null {
  const { values } = parse(args);
  if (values.help) return null;
  const database = values.database ?? (machine.postgres ? 'postgres' : 'sqlite');
  if (database !== 'postgres' && database !== 'sqlite') throw new UsageError('--database is postgres or sqlite');
  if (database === 'postgres' && !machine.postgres) {
    throw new UsageError('--database postgres: PostgreSQL is not installed here (Debian: apt-get install postgresql)');
  }
  const bubblewrap = wholeNumber('--bubblewrap', values.bubblewrap ?? (machine.bubblewrap ? '2' : '0'));
  if (bubblewrap > 0 && !machine.bubblewrap) {
    throw new UsageError('--bubblewrap: such sandboxes cannot run here; standin doctor says why');
  }
  const external = wholeNumber('--external', values.external);
  if (external === 0) throw new UsageError('--external must be 1 at least: their clients show when service is back');
  return {
    minutes: positive('--minutes', values.minutes),
    killEvery: values['no-kills'] ? 0 : seconds('--kill-every', values['kill-every']),
    database,
    seed: wholeNumber('--seed', values.seed),
    rate: positive('--rate', values.rate),
    external,
    bubblewrap,
    report: values.report ?? null,
    json: values.json,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        minutes: { type: 'string', default: '60' },
        'kill-every': { type: 'string', default: '20s' },
        'no-kills': { type: 'boolean', default: false },
        database: { type: 'string' },
        rate: { type: 'string', default: '200' },
        external: { type: 'string', default: '3' },
        bubblewrap: { type: 'string' },
        seed: { type: 'string', default: '1' },
        report: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new UsageError(`${flag} must be a number above 0, not ${text}`);
  return value;
}

function wholeNumber(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${flag} must be a whole number, not ${text}`);
  return Number(text);
}

/** `20s`, `2m`, or seconds without a unit. */
function seconds(flag: string, text: string): number {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(s|m)?$/.exec(text) ?? [];
  const value = Number(number) * (unit === 'm' ? 60 : 1);
  if (!(value > 0)) throw new UsageError(`${flag} must be a time such as 20s or 1m, not ${text}`);
  return value;
}
