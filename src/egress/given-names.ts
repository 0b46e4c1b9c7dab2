/** What a sandbox's resolver has given addresses to: the `count`th name has the `count`th address. */
export interface GivenNames {
  /** How many names were given addresses. */
  readonly count: number;
  /** The newest of them, the oldest first; the last one is number `count - 1`. */
  readonly newest: readonly string[];
}

/** Names that a sandbox's resolver gave the addresses from number `first` on. */
export interface FreshNames {
  readonly sandboxId: string;
  readonly first: number;
  readonly names: string[];
}

/** Kept of each sandbox: more than any program goes back to. */
const kept = 4096;

/**
 * What the resolvers in the workers have given out, in the main process: a worker that takes over from one that was killed
 * goes on with it, since programs inside remember addresses.
 */
export class NameLedger {
  readonly #given = new Map<string, { count: number; newest: string[] }>();

  note({ sandboxId, first, names }: FreshNames): void {
    const before = this.#given.get(sandboxId);
    const newest = before?.count === first ? before.newest : [];
    newest.push(...names);
    // Cut back seldom: each cut copies all of it.
    this.#given.set(sandboxId, {
      count: first + names.length,
      newest: newest.length > 2 * kept ? newest.slice(-kept) : newest,
    });
  }

  of(sandboxId: string): GivenNames | null {
    const given = this.#given.get(sandboxId);
    return given === undefined ? null : { count: given.count, newest: given.newest.slice(-kept) };
  }

  forget(sandboxId: string): void {
    this.#given.delete(sandboxId);
  }
}
