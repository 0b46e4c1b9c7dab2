import { DialError } from './dial-error.ts';
import type { UpstreamLink } from './upstream-link.ts';
import type { UpstreamTarget } from './upstream.ts';

/** Dials to one upstream of one sandbox that are under way at once: each costs as much as a dozen requests. */
export const mostDials = 64;

/** Who waits for a connection. One of the two is called, once. */
export interface Waiting {
  target: UpstreamTarget;
  give: (link: UpstreamLink) => void;
  fail: (error: unknown) => void;
}

/** What a queue needs of the pool. */
export interface DialSource {
  dial: (target: UpstreamTarget) => Promise<UpstreamLink>;
  /** A connection that is free by now, or a stream of one. */
  take: (target: UpstreamTarget) => UpstreamLink | null;
  /** One connection may have room for all who wait. */
  maySuffice: (target: UpstreamTarget) => boolean;
  /** Nobody waits any more, and nothing is dialled. */
  done: () => void;
}

/**
 * Those who wait for a connection to one upstream: each gets the first one that is dialled or given back. If each had to wait
 * for one of its own, a moment's stall would be followed by handshakes for all that came meanwhile, and these by a longer stall.
 */
export class DialQueue {
  readonly #source: DialSource;
  /** In the order in which they came, which is that of their numbers. */
  readonly #waiting: (Waiting & { number: number })[] = [];
  #came = 0;
  #dials = 0;
  #looking = false;

  constructor(source: DialSource) {
    this.#source = source;
  }

  wait({ target, give, fail }: Waiting): void {
    this.#waiting.push({ target, give, fail, number: this.#came++ });
    this.#goOn();
  }

  /** A connection has been given back: before long, whoever waits gets it. */
  freed(): void {
    if (this.#looking) return;
    this.#looking = true;
    // Not within the call that gave it back: that is the end of somebody else's request.
    queueMicrotask(() => {
      this.#looking = false;
      this.#serve();
      this.#goOn();
    });
  }

  #serve(): void {
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const link = this.#source.take(first.target);
      if (link === null) return;
      this.#waiting.shift();
      first.give(link);
    }
  }

  #goOn(): void {
    for (let next = this.#waiting[this.#dials]; next !== undefined; next = this.#waiting[this.#dials]) {
      const forAll = this.#source.maySuffice(next.target);
      if (this.#dials >= (forAll ? 1 : mostDials)) return;
      void this.#dial(next.target, forAll);
    }
    if (this.#dials === 0) this.#source.done();
  }

  async #dial(target: UpstreamTarget, forAll: boolean): Promise<void> {
    this.#dials += 1;
    const came = this.#came;
    const link = await this.#source.dial(target).catch((error: unknown) => {
      // Whoever was there when it began has waited for as long as a dial may take, or for nothing but this one.
      const isLast = error instanceof DialError && error.refused.code === 'upstream_timeout';
      this.#failThose(came, forAll || isLast ? this.#waiting.length : 1, error);
      return null;
    });
    if (link !== null) this.#give(link);
    this.#dials -= 1;
    this.#serve();
    this.#goOn();
  }

  #give(link: UpstreamLink): void {
    const first = this.#waiting.shift();
    if (first === undefined) link.release(Number.POSITIVE_INFINITY);
    else first.give(link);
  }

  /** The first `most` of those who were there when `came` had come. */
  #failThose(came: number, most: number, error: unknown): void {
    const later = this.#waiting.findIndex(({ number }) => number >= came);
    const count = Math.min(most, later === -1 ? this.#waiting.length : later);
    for (const each of this.#waiting.splice(0, count)) each.fail(error);
  }
}
