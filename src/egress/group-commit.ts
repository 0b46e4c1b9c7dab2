/** More than this in one write would keep its first waiting for its last. */
const maxGroup = 4096;

/**
 * Writes what comes in groups: one write at a time, and all that came while it ran goes into the next. The busier it
 * is, the fewer syncs an item costs. `write` must be all or nothing.
 */
export class GroupCommit<Item> {
  readonly #write: (items: Item[]) => Promise<void>;
  #waiting: { items: readonly Item[]; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #writing = false;

  constructor(write: (items: Item[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when the items are durable; rejects where the group that they were in was not written. */
  write(items: readonly Item[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ items, resolve, reject });
    if (!this.#writing) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      let size = 0;
      const count = this.#waiting.findIndex(({ items }) => (size += items.length) > maxGroup);
      const group = this.#waiting.splice(0, count === -1 ? this.#waiting.length : Math.max(1, count));
      try {
        await this.#write(group.flatMap(({ items }) => items));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#writing = false;
  }
}
