import type { ObservedEvent } from '../audit-rows.ts';

/** Events that may wait for the control plane, a few KB each at most; past that, requests are refused rather than go unrecorded. */
const maxBacklog = 20_000;
/** As many as this each sandbox may have waiting, however many others have. */
const leastShare = 64;

/**
 * Events that are not known to be durable, by sandbox. Each sandbox may have as many as there is room left, so that one that
 * floods leaves half of it to all others, the second a quarter, and so on (dynamic thresholds, as switches share buffers). An
 * event counts as often as it is held: see `weightOf`.
 */
export class Backlog {
  #total = 0;
  readonly #held = new Map<string, number>();
  /** Since the last `take`. */
  #fresh = new Map<string, number>();

  get total(): number {
    return this.#total;
  }

  add(sandboxId: string, weight: number): void {
    this.#total += weight;
    this.#held.set(sandboxId, (this.#held.get(sandboxId) ?? 0) + weight);
    this.#fresh.set(sandboxId, (this.#fresh.get(sandboxId) ?? 0) + weight);
  }

  /** What was added since the last time, to be given back with `remove` once it is durable. */
  take(): ReadonlyMap<string, number> {
    const taken = this.#fresh;
    this.#fresh = new Map();
    return taken;
  }

  /** Answers how much room that makes. */
  remove(durable: ReadonlyMap<string, number>): number {
    let room = 0;
    for (const [sandboxId, weight] of durable) {
      room += weight;
      const left = (this.#held.get(sandboxId) ?? 0) - weight;
      if (left > 0) this.#held.set(sandboxId, left);
      else this.#held.delete(sandboxId);
    }
    this.#total -= room;
    return room;
  }

  /** Whether one more event of this sandbox has room; null: of one that is not known yet. */
  hasRoom(sandboxId: string | null): boolean {
    const room = maxBacklog - this.#total;
    if (room <= 0 || sandboxId === null) return room > 0;
    return (this.#held.get(sandboxId) ?? 0) < Math.max(leastShare, room);
  }
}

/** What an event counts: a row for each of its secrets, and each stand-in that it carried out of place. */
export function weightOf({ request }: ObservedEvent): number {
  return request === undefined ? 1 : Math.max(1, request.secretIds.length) + request.foreign.length;
}
