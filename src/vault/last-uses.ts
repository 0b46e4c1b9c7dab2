import type { Logger } from '../log.ts';
import type { Store } from '../store/store.ts';

/** Under load `last_used_at` of a secret moves so often, and costs a transaction each time. */
const everyMs = 1000;

/** Writes down when secrets were last used: a first use at once, those that follow within a second later, together. */
export class LastUses {
  readonly #secrets: Pick<Store['secrets'], 'touch'>;
  readonly #logger: Logger;
  /** Id of a secret → milliseconds since the epoch. */
  #waiting = new Map<string, number>();
  /** Written within this second. */
  #written = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  constructor({ secrets, logger }: { secrets: Pick<Store['secrets'], 'touch'>; logger: Logger }) {
    this.#secrets = secrets;
    this.#logger = logger;
  }

  /** Each id with the time of a use. Rejects where some were to be written now and could not be: then they wait. */
  async note(uses: Iterable<readonly [string, number]>): Promise<void> {
    const now = new Map<string, number>();
    for (const [id, at] of uses) keepLatest(this.#written.has(id) ? this.#waiting : now, id, at);
    await this.#write(now);
  }

  /** Writes what waits; to be called before the store is closed. */
  async settle(): Promise<void> {
    await this.#write(this.#takeWaiting());
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #takeWaiting(): Map<string, number> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    return waiting;
  }

  async #write(uses: ReadonlyMap<string, number>): Promise<void> {
    if (uses.size === 0) return;
    for (const id of uses.keys()) this.#written.add(id);
    this.#timer ??= setTimeout(() => this.#next(), everyMs);
    try {
      await this.#secrets.touch([...uses].map(([id, at]) => ({ id, at: new Date(at) })));
    } catch (error) {
      for (const [id, at] of uses) keepLatest(this.#waiting, id, at);
      throw error;
    }
  }

  #next(): void {
    this.#timer = null;
    this.#written = new Set();
    this.#write(this.#takeWaiting()).catch((error: unknown) => {
      this.#logger.warn({ err: error }, 'when secrets were last used could not be written down; it is tried again');
    });
  }
}

function keepLatest(uses: Map<string, number>, id: string, at: number): void {
  uses.set(id, Math.max(at, uses.get(id) ?? 0));
}
