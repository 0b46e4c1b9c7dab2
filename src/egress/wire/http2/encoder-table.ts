import { defaultHeaderTableBytes } from './protocol.ts';
import { staticNames } from './static-table.ts';
import type { StaticName } from './static-table.ts';

interface Entry {
  readonly id: number;
  readonly value: string;
  readonly size: number;
  readonly name: NameSlot;
}

/** What the tables have of one name. */
export interface NameSlot {
  readonly name: string;
  readonly inStatic: StaticName | null;
  /** Oldest first. */
  readonly entries: Entry[];
  /** The last value that was not indexed: when it comes again, it is. */
  missed: string | null;
}

/** The encoder's copy of the peer's dynamic table (RFC 7541 section 2.3.2), found by name and value. */
export class EncoderTable {
  readonly #slots = new Map<string, NameSlot>();
  /** Oldest first, from `#head` on. */
  #entries: Entry[] = [];
  #head = 0;
  #bytes = 0;
  #limit = defaultHeaderTableBytes;
  /** Entries ever added: the id of the newest. */
  #added = 0;

  get limit(): number {
    return this.#limit;
  }

  /** Where that entry stands now, counted as the peer counts it, or 0 where it is no more. */
  indexOf(id: number): number {
    const age = this.#added - id;
    return age < this.#entries.length - this.#head ? newestIndex + age : 0;
  }

  slot(name: string): NameSlot | undefined {
    let found = this.#slots.get(name);
    if (found !== undefined) return found;
    const inStatic = staticNames.get(name);
    // Names of the static table are few, so their slots may stay; others go with their last entry.
    if (inStatic !== undefined) this.#slots.set(name, (found = { name, inStatic, entries: [], missed: null }));
    return found;
  }

  /** The id of the entry with that value, or 0. */
  find(slot: NameSlot, value: string): number {
    const { entries } = slot;
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i];
      if (entry !== undefined && entry.value === value) return entry.id;
    }
    return 0;
  }

  /** Adds what the peer is told to add, and says its id. `size` is at most the limit. */
  add(slot: NameSlot | null, field: { name: string; value: string; size: number }): number {
    const { name, value, size } = field;
    this.#evict(this.#limit - size);
    let named = slot ?? undefined;
    if (named === undefined || this.#slots.get(name) !== named) {
      named = this.#slots.get(name) ?? { name, inStatic: null, entries: [], missed: null };
      this.#slots.set(name, named);
    }
    const entry = { id: ++this.#added, value, size, name: named };
    named.entries.push(entry);
    this.#entries.push(entry);
    this.#bytes += size;
    return entry.id;
  }

  resize(limit: number): void {
    this.#limit = limit;
    this.#evict(limit);
  }

  #evict(limit: number): void {
    while (this.#bytes > limit) {
      const oldest = this.#entries[this.#head++];
      if (oldest === undefined) break;
      this.#bytes -= oldest.size;
      const { name } = oldest;
      name.entries.shift();
      if (name.entries.length === 0 && name.inStatic === null) this.#slots.delete(name.name);
    }
    if (this.#head > 64) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** The index of the newest entry (RFC 7541 section 2.3.3). */
const newestIndex = 62;
