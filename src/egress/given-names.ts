import { NameFiles, goOn, kept } from './name-file.ts';

/** What a sandbox's resolver has given addresses to: the `count`th name has the `count`th address. */
export interface GivenNames {
  /** How many names were given addresses. */
  readonly count: number;
  /** The newest of them, the oldest first; the last one is number `count - 1`. Empty: one that was left out. */
  readonly newest: readonly string[];
}

/** Names that a sandbox's resolver gave the addresses from number `first` on. */
export interface FreshNames {
  readonly sandboxId: string;
  readonly first: number;
  readonly names: string[];
}

interface Ledger {
  count: number;
  newest: string[];
  /** Its file ends with the last of these: more may be added. */
  isWhole: boolean;
}

/**
 * What the resolvers in the workers have given out, in the main process: a worker that takes over from one that was killed
 * goes on with it, since programs inside remember addresses. With a directory, the next server does so too.
 */
export class NameLedger {
  readonly #given = new Map<string, Ledger>();
  readonly #files: NameFiles | null;

  constructor(directory: string | null = null) {
    this.#files = directory === null ? null : new NameFiles(directory);
  }

  note({ sandboxId, first, names }: FreshNames): void {
    const before = this.#given.get(sandboxId) ?? this.#load(sandboxId);
    const goesOn = before?.count === first;
    const newest = before?.newest ?? [];
    goOn(newest, { count: before?.count ?? first, first });
    newest.push(...names);
    const isLong = newest.length > 2 * kept;
    const now: Ledger = {
      count: first + names.length,
      // Cut back seldom: each cut copies all of it.
      newest: isLong ? newest.slice(-kept) : newest,
      isWhole: true,
    };
    if (goesOn && before.isWhole && !isLong) this.#files?.add({ sandboxId, first, names });
    else this.#files?.replace(sandboxId, now);
    this.#given.set(sandboxId, now);
  }

  of(sandboxId: string): GivenNames | null {
    const given = this.#given.get(sandboxId) ?? this.#load(sandboxId);
    return given === null ? null : { count: given.count, newest: given.newest.slice(-kept) };
  }

  forget(sandboxId: string): void {
    this.#given.delete(sandboxId);
    this.#files?.remove(sandboxId);
  }

  /** Forgets all others, as those of sandboxes that were deleted while no server was there. */
  keepOnly(sandboxIds: ReadonlySet<string>): void {
    for (const id of this.#given.keys()) if (!sandboxIds.has(id)) this.#given.delete(id);
    this.#files?.keepOnly(sandboxIds);
  }

  /** What an earlier server left. */
  #load(sandboxId: string): Ledger | null {
    const left = this.#files?.read(sandboxId) ?? null;
    if (left === null) return null;
    const given: Ledger = { count: left.count, newest: [...left.newest], isWhole: false };
    this.#given.set(sandboxId, given);
    return given;
  }
}
