/** More than this in one write would keep its first waiting for its last. */
const maxGroup = 4096;
/** What has come is written this long after its first, or at once where it is many: a sync costs the same for both. */
const gatherMs = 20;
const enough = 1024;

/**
 * Writes what comes in groups: one write at a time, and all that came while it ran goes into the next. The busier it
 * is, the fewer syncs an item costs. `write` must be all or nothing.
 */
export class GroupCommit<Item> {
  readonly #write: (items: Item[]) => Promise<void>;
  #waiting: { items: readonly Item[]; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #size = 0;
  #writing = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(write: (items: Item[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when the items are durable; rejects where the group that they were in was not written. */
  write(items: readonly Item[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ items, resolve, reject });
    this.#size += items.length;
    this.#schedule();
    return promise;
  }

  #schedule(): void {
    if (this.#writing || this.#size === 0) return;
    if (this.#size >= enough) void this.#run();
    else this.#timer ??= setTimeout(() => void this.#run(), gatherMs);
  }

  async #run(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#writing = true;
    let size = 0;
    const count = this.#waiting.findIndex(({ items }) => (size += items.length) > maxGroup);
    const group = this.#waiting.splice(0, count === -1 ? this.#waiting.length : Math.max(1, count));
    const items = group.flatMap((each) => each.items);
    this.#size -= items.length;
    try {
      await this.#write(items);
      for (const { resolve } of group) resolve();
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    this.#writing = false;
    this.#schedule();
  }
}
