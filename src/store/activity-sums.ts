import { requestVerdict, wasUse } from '../audit-rows.ts';
import { addLatencies, countLatency } from './latencies.ts';
import type { Latencies } from './latencies.ts';
import type { EventRecord } from './trail.ts';

/** Seconds of the stretches that are counted: those of the console's windows (an hour, a day, a week). */
export const totalWidths = [60, 900, 3600] as const;
export const edgeWidths = [300, 7200, 86_400] as const;
export const hourMs = 3_600_000;

export interface Total {
  teamId: string;
  width: number;
  at: number;
  requests: number;
  refusals: number;
  failures: number;
  tripwires: number;
  latencies: Latencies;
}
export interface Hour {
  secretId: string;
  at: number;
  uses: number;
  refusals: number;
}
export interface Edge {
  teamId: string;
  width: number;
  at: number;
  sandboxId: string;
  /** Empty: none. */
  secretId: string;
  host: string;
  requests: number;
  refusals: number;
}

/** What a number of events come to, before it is added to what there is. */
export class ActivitySums {
  readonly totals = new Map<string, Total>();
  readonly hours = new Map<string, Hour>();
  readonly edges = new Map<string, Edge>();
  readonly #minutes = new Map<string, Total>();
  /** When the latest of them ended. */
  newest = 0;

  /** `repeats`: of the same request as the event before, for another of its secrets. */
  add(event: EventRecord, repeats: boolean): void {
    if (event.kind === 'connection') return;
    const at = event.ts.getTime();
    this.newest = Math.max(this.newest, at + (event.latencyMs ?? 0));
    const minute = this.#minute(event.teamId, floor(at, 60));
    if (event.kind === 'tripwire') {
      minute.tripwires += 1;
      return;
    }
    const verdict = requestVerdict(event.errorCode);
    const refused = verdict === 'blocked' ? 1 : 0;
    if (!repeats) {
      minute.requests += 1;
      minute.refusals += refused;
      const failed = verdict === 'failed' || (verdict === 'allowed' && (event.status ?? 0) >= 500);
      if (failed) minute.failures += 1;
      if (event.upstreamStatus !== null && event.latencyMs !== null) countLatency(minute.latencies, event.latencyMs);
    }
    if (event.secretId !== null) {
      const hour = this.#hour(event.secretId, floor(at, 3600));
      if (refused === 0 && wasUse(event)) hour.uses += 1;
      hour.refusals += refused;
    }
    for (const width of edgeWidths) {
      const edge = this.#edge(event, width);
      edge.requests += 1;
      edge.refusals += refused;
    }
  }

  /** The minutes as stretches of every width. */
  close(): void {
    for (const minute of this.#minutes.values()) {
      for (const width of totalWidths) {
        const total = find(this.totals, `${minute.teamId} ${width} ${floor(minute.at, width)}`, () =>
          emptyTotal(minute.teamId, { width, at: floor(minute.at, width) }),
        );
        total.requests += minute.requests;
        total.refusals += minute.refusals;
        total.failures += minute.failures;
        total.tripwires += minute.tripwires;
        addLatencies(total.latencies, minute.latencies);
      }
    }
  }

  #minute(teamId: string, at: number): Total {
    return find(this.#minutes, `${teamId} ${at}`, () => emptyTotal(teamId, { width: 60, at }));
  }

  #hour(secretId: string, at: number): Hour {
    return find(this.hours, `${secretId} ${at}`, () => ({ secretId, at, uses: 0, refusals: 0 }));
  }

  #edge(event: EventRecord, width: number): Edge {
    const { teamId, sandboxId, host } = event;
    const at = floor(event.ts.getTime(), width);
    const secretId = event.secretId ?? '';
    return find(this.edges, `${teamId} ${width} ${at} ${sandboxId} ${secretId} ${host}`, () => ({
      teamId,
      width,
      at,
      sandboxId,
      secretId,
      host,
      requests: 0,
      refusals: 0,
    }));
  }
}

/** The beginning, milliseconds, of the stretch of `seconds` that holds a time. */
export function floor(ms: number, seconds: number): number {
  return Math.floor(ms / (seconds * 1000)) * seconds * 1000;
}

function emptyTotal(teamId: string, { width, at }: { width: number; at: number }): Total {
  return { teamId, width, at, requests: 0, refusals: 0, failures: 0, tripwires: 0, latencies: new Map() };
}

function find<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
