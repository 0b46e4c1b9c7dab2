/** More than this in one write would keep its first waiting for its last. */
const maxGroup = 4096;
/** What has come is written this long after its first, or at once where it is many: a sync costs the same for both. */
const gatherMs = 100;
/** The same where it is urgent. */
const urgentMs = 25;
const enough = 1024;

/**
 * Writes what comes in groups: one write at a time, and all that came while it ran goes into the next. The busier it
 * is, the fewer syncs an item costs. `write` must be all or nothing; `weigh` says how many an item stands for, `isUrgent`
 * whether it is written sooner than others.
 */
export class GroupCommit<Item> {
  readonly #write: (items: Item[]) => Promise<void>;
  readonly #weigh: (item: Item) => number;
  readonly #isUrgent: (item: Item) => boolean;
  #waiting: { item: Item; weight: number; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #size = 0;
  #writing = false;
  #timer: NodeJS.Timeout | null = null;
  #hasUrgent = false;

  constructor(
    write: (items: Item[]) => Promise<void>,
    options: { weigh: (item: Item) => number; isUrgent?: (item: Item) => boolean },
  ) {
    this.#write = write;
    this.#weigh = options.weigh;
    this.#isUrgent = options.isUrgent ?? (() => false);
  }

  /** Resolves when the item is durable; rejects where the group that it was in was not written. */
  write(item: Item): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const weight = this.#weigh(item);
    this.#waiting.push({ item, weight, resolve, reject });
    this.#size += weight;
    if (!this.#hasUrgent && this.#isUrgent(item)) {
      this.#hasUrgent = true;
      this.#stopWaiting();
    }
    this.#schedule();
    return promise;
  }

  #schedule(): void {
    if (this.#writing || this.#waiting.length === 0) return;
    if (this.#size >= enough) void this.#run();
    else this.#timer ??= setTimeout(() => void this.#run(), this.#hasUrgent ? urgentMs : gatherMs);
  }

  #stopWaiting(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #run(): Promise<void> {
    this.#stopWaiting();
    this.#writing = true;
    let size = 0;
    const count = this.#waiting.findIndex(({ weight }) => (size += weight) > maxGroup);
    const group = this.#waiting.splice(0, count === -1 ? this.#waiting.length : Math.max(1, count));
    for (const { weight } of group) this.#size -= weight;
    this.#hasUrgent = this.#waiting.some(({ item }) => this.#isUrgent(item));
    try {
      await this.#write(group.map(({ item }) => item));
      for (const { resolve } of group) resolve();
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    this.#writing = false;
    this.#schedule();
  }
}
