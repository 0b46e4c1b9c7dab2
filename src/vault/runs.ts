import { randomUUID } from 'node:crypto';
import type { RunRecord } from '../store/store.ts';
import { recordGap } from './audit.ts';
import type { VaultDeps } from './deps.ts';

/** A server on the same database that has not been heard of for so long, in milliseconds, is taken for dead. */
export const silenceLimitMs = 60_000;

/** What a server leaves in the database as long as it runs, so that its end is noticed where it had no time for one. */
export interface Runs {
  /** Before anything may happen that is to be recorded. Puts down a gap for each run of this server that did not end. */
  begin(): Promise<void>;
  /** Every few seconds, one after the other: says that this server runs, and that what ended before `at` is durable; looks for dead ones. */
  settled(at: Date): Promise<void>;
  /** When everything is durable: this run leaves no gap. */
  end(): Promise<void>;
}

/**
 * `server` is who this is: a run of the same server that is found at a start is over. Of others, on a PostgreSQL database,
 * one is over when it was silent for a minute: as this one's clock has it, whatever theirs say. `elapsed`: milliseconds
 * of a clock that nobody sets.
 */
export function createRuns(
  { store, now, logger }: Pick<VaultDeps, 'store' | 'now' | 'logger'>,
  { server, elapsed = () => performance.now() }: { server: string; elapsed?: () => number },
): Runs {
  const id = randomUUID();
  /** Since when a run has been seen at this beat. */
  let seen = new Map<string, { beats: number; since: number }>();
  /** Runs that this one has to put down a gap for, and has not managed to yet. */
  const owed = new Set<string>();
  let saying: Promise<void> = Promise.resolve();
  let ended = false;

  async function bury(run: RunRecord): Promise<void> {
    if (!owed.has(run.id) && !(await store.runs.takeOver(run, server))) return;
    owed.add(run.id);
    // The gap first: should this server die in between, there are two, and never none.
    const to = now();
    const from = run.settledAt < to ? run.settledAt : to;
    await recordGap({ store, now }, { from, to, lost: null });
    await store.runs.end(run.id);
    owed.delete(run.id);
    logger.warn({ from, to }, 'a server ended without handing over its last events: the audit trail has a gap');
  }

  async function look(isOver: (run: RunRecord) => boolean): Promise<void> {
    const others = await store.runs.others(id);
    for (const run of others) {
      if (!owed.has(run.id) && !isOver(run)) continue;
      await bury(run).catch((err: unknown) => logger.error({ err }, 'a gap in the audit trail could not be recorded'));
    }
  }

  /** Whether it has not beaten for too long. */
  function isSilent(run: RunRecord, before: ReadonlyMap<string, { beats: number; since: number }>): boolean {
    const known = before.get(run.id);
    const since = known?.beats === run.beats ? known.since : elapsed();
    seen.set(run.id, { beats: run.beats, since });
    return elapsed() - since >= silenceLimitMs;
  }

  async function say(settledAt: Date): Promise<void> {
    await store.runs.beat({ id, server, settledAt });
    const before = seen;
    seen = new Map();
    await look((run) => isSilent(run, before));
  }

  return {
    async begin() {
      await store.runs.beat({ id, server, settledAt: now() });
      await look((run) => run.server === server);
    },

    settled(settledAt) {
      if (!ended) saying = say(settledAt);
      return saying;
    },

    async end() {
      ended = true;
      // What is under way would write the run anew.
      await saying.catch(() => undefined);
      await store.runs.end(id);
    },
  };
}
