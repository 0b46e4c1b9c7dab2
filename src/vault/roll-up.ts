import type { Store } from '../store/store.ts';

/** How long who asks for figures waits for the newest; a trail that was never counted takes longer. */
const patienceMs = 2000;

/** Counts what came to the trail. Many may ask at once; one at a time counts. */
export class RollUp {
  readonly #activity: Store['activity'];
  #running: Promise<boolean> | null = null;

  constructor({ activity }: Pick<Store, 'activity'>) {
    this.#activity = activity;
  }

  /** Counts a bounded number of events; true where there may be more. */
  step(): Promise<boolean> {
    this.#running ??= this.#activity.rollUp().finally(() => (this.#running = null));
    return this.#running;
  }

  /** Figures that are read afterwards have all that was in the trail before. */
  async catchUp(): Promise<void> {
    const end = performance.now() + patienceMs;
    // One that had begun before does not count as the first.
    if (this.#running !== null) await this.#running;
    while ((await this.step()) && performance.now() < end) {
      // There is more.
    }
  }
}
