/** What a connection may ask of us at once without any request getting further; a limit that no client comes near. */
const burst = 1000;
/** What comes back with time: keep-alive pings, cancelled requests and the like go on for ever at this rate. */
const perSecond = 33;

/**
 * What the frames cost that make work and bring none: RFC 9113 section 10.5 and CVE-2019-9512 (ping), 9513 (priority), 9514 and
 * CVE-2023-44487 (reset), 9515 (settings), 9518 (empty frames), CVE-2025-8671 (faults that make us reset).
 */
export const floodCost = {
  ping: 1,
  settings: 1,
  priority: 1,
  unknown: 1,
  emptyData: 1,
  /** 128,000 at once and 4,000 a second: some programs do write that way. */
  tinyData: 1 / 128,
  windowUpdate: 1,
  continuation: 1,
  /** A stream that ends before anything of its answer was sent. */
  reset: 1,
  refused: 1,
  interim: 1,
  late: 1,
  /** The peer made us reset a stream. */
  streamFault: 5,
} as const;

/** What comes back with each frame of content that we could send, and each stream that ended as it should. */
export const floodEarning = { dataSent: 2, streamDone: 4 } as const;

/** Tells a flood of cheap frames from use: the budget refills with time, and with useful work. */
export class FloodBudget {
  #left = burst;
  #countedAt: number;
  readonly #now: () => number;

  /** `now`: milliseconds, never going back. */
  constructor(now: () => number) {
    this.#now = now;
    this.#countedAt = now();
  }

  /** False: it is used up. */
  spend(cost: number): boolean {
    this.#left -= cost;
    if (this.#left >= 0) return true;
    // The clock is asked only now: most connections never get here.
    const now = this.#now();
    this.#left = Math.min(burst, this.#left + Math.floor(((now - this.#countedAt) * perSecond) / 1000));
    this.#countedAt = now;
    return this.#left >= 0;
  }

  earn(work: number): void {
    if (this.#left < burst) this.#left += work;
  }
}
