/** Of requests that were under way between these times, events may be missing. */
export interface Gap {
  from: Date;
  to: Date;
  /** How many, where that is known. */
  lost?: number;
}

/** Gaps in the audit trail, kept until they are recorded there: one that could not be is tried again. */
export class Gaps {
  readonly #record: (gap: Gap) => Promise<void>;
  readonly #failed: (error: unknown) => void;
  readonly #waiting = new Set<Gap>();
  #recording: Promise<void> = Promise.resolve();

  constructor(record: (gap: Gap) => Promise<void>, options: { failed: (error: unknown) => void }) {
    this.#record = record;
    this.#failed = options.failed;
  }

  /** When the earliest of those that wait began; null: none waits. */
  get earliest(): number | null {
    const times = [...this.#waiting].map(({ from }) => from.getTime());
    return times.length === 0 ? null : Math.min(...times);
  }

  add(gap: Gap): void {
    this.#waiting.add(gap);
    void this.flush();
  }

  /** Resolves when each that waits was recorded or could not be. Never rejects. */
  flush(): Promise<void> {
    this.#recording = this.#recording.then(async () => {
      for (const gap of this.#waiting) {
        try {
          await this.#record(gap);
          this.#waiting.delete(gap);
        } catch (error) {
          this.#failed(error);
        }
      }
    });
    return this.#recording;
  }
}
