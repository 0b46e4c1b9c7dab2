import { performance } from 'node:perf_hooks';

/**
 * A span of time, from now on, that is over as soon as either clock says so: the system's may be set back, and the
 * monotonic one stands still while the machine sleeps.
 */
export class TimeToLive {
  readonly #ms: number;
  readonly #monotonic = performance.now();
  readonly #system = Date.now();

  constructor(ms: number) {
    this.#ms = ms;
  }

  get over(): boolean {
    return performance.now() - this.#monotonic >= this.#ms || Date.now() - this.#system >= this.#ms;
  }
}
