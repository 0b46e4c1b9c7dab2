import { explain } from '../explain.ts';
import type { ServerAddress } from '../find-server.ts';

/** One thing that was looked at. `warn`: it works, but not all of it or not safely; `skip`: not needed here. */
export interface Check {
  verdict: 'ok' | 'warn' | 'fail' | 'skip';
  what: string;
  found: string;
  /** What to do; null where nothing is wrong. */
  fix: string | null;
}

export function ok(what: string, found: string): Check {
  return { verdict: 'ok', what, found, fix: null };
}

export function skip(what: string, found: string): Check {
  return { verdict: 'skip', what, found, fix: null };
}

export function warn(what: string, found: string, fix: string): Check {
  return { verdict: 'warn', what, found, fix };
}

export function fail(what: string, found: string, fix: string): Check {
  return { verdict: 'fail', what, found, fix };
}

/** An error in the words in which a command would tell it. */
export function failure(what: string, error: unknown, server?: ServerAddress): Check {
  const { what: found, fix } = explain(error, server);
  return fail(what, found, fix ?? "see the server's log");
}
