import type { Logger } from './log.ts';

/** Node takes no longer one. */
const longestMs = 2 ** 31 - 1;
const retryMs = 5_000;

/** Does work when it is due, and asks when that is next. Between them it does nothing, and keeps no process alive. */
export class DueTimer {
  readonly #parts: { work: () => Promise<void>; next: () => Promise<Date | null>; now: () => Date; logger: Logger };
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #again = false;
  #stopped = false;

  constructor(parts: { work: () => Promise<void>; next: () => Promise<Date | null>; now: () => Date; logger: Logger }) {
    this.#parts = parts;
  }

  /** When the next thing is due may have changed. */
  wake(): void {
    if (this.#stopped) return;
    if (this.#running !== null) {
      this.#again = true;
      return;
    }
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (!this.#again) return;
      this.#again = false;
      this.wake();
    });
  }

  /** Resolves when what is under way is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { work, next, now, logger } = this.#parts;
    if (this.#timer !== null) clearTimeout(this.#timer);
    let wait: number | null = retryMs;
    try {
      const first = await next();
      if (first !== null && first <= now()) await work();
      const due = await next();
      // What is due still could not be done.
      wait = due === null ? null : due <= now() ? retryMs : due.getTime() - now().getTime();
    } catch (err) {
      logger.error({ err }, 'what is due by the clock could not be looked for; trying again');
    }
    if (wait === null || this.#stopped) return;
    this.#timer = setTimeout(() => this.wake(), Math.min(wait, longestMs));
    this.#timer.unref();
  }
}

const rollUpDelayMs = 1000;

/** Counts what came to the trail, a second after something came: many events then cost one transaction. */
export class RollUpTimer {
  readonly #step: () => Promise<boolean>;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #stopped = false;

  /** `step`: counts some of it, and says whether there may be more. */
  constructor({ step, logger }: { step: () => Promise<boolean>; logger: Logger }) {
    this.#step = step;
    this.#logger = logger;
  }

  /** Something came. */
  wake(): void {
    if (this.#stopped || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#run();
    }, rollUpDelayMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    let more = true;
    try {
      more = await this.#step();
    } catch (err) {
      this.#logger.warn({ err }, 'what came to the audit trail could not be counted; trying again');
    }
    this.#timer = null;
    if (more) this.wake();
  }
}
