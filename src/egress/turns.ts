/** What one sandbox may do before others have had their turn: a request or a piece of content counts 1. */
const budget = 8;
/** How long after two sandboxes were at work at once their work is shared out. */
const contendedMs = 2_000;

/** One sandbox's part of what a worker can do. */
export class Share {
  readonly #turns: Turns;
  /** Connections that hold it. */
  holders = 0;
  /** Spent since the turn that `turn` says. */
  spent = 0;
  turn = -1;
  readonly waiting: (() => void)[] = [];

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /**
   * Whether to go on now. If not, stop reading: `go` is called in this sandbox's turn. `weight` is for what costs more than
   * a request, such as a handshake.
   */
  enter(go: () => void, weight = 1): boolean {
    return this.#turns.enter(this, go, weight);
  }
}

/**
 * Shares a worker's time out among sandboxes. As long as one alone is at work it does what it can. When a second one comes,
 * each does a few pieces of work and then waits until the loop has looked at everybody's sockets: however much the first
 * one asks for, the second waits for some pieces of it, not for all.
 */
export class Turns {
  readonly #now: () => number;
  readonly #shares = new Map<string, Share>();
  #waiting: Share[] = [];
  #last: Share | null = null;
  #contendedUntil = 0;
  #turn = 0;
  #scheduled = false;

  /** `now`: milliseconds; a second's precision is enough. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The share of a sandbox, to be given back with `release`. */
  hold(sandboxId: string): Share {
    let share = this.#shares.get(sandboxId);
    if (share === undefined) this.#shares.set(sandboxId, (share = new Share(this)));
    share.holders += 1;
    return share;
  }

  release(sandboxId: string): void {
    const share = this.#shares.get(sandboxId);
    if (share === undefined) return;
    share.holders -= 1;
    if (share.holders > 0) return;
    this.#shares.delete(sandboxId);
    if (this.#last === share) this.#last = null;
  }

  /** @internal used by Share */
  enter(share: Share, go: () => void, weight: number): boolean {
    if (share !== this.#last) {
      if (this.#last !== null) this.#contendedUntil = this.#now() + contendedMs;
      this.#last = share;
    }
    const contended = this.#contendedUntil > 0 && this.#now() <= this.#contendedUntil;
    if (!contended && share.waiting.length === 0) return true;
    if (share.turn !== this.#turn) {
      share.turn = this.#turn;
      share.spent = 0;
    }
    this.#schedule();
    if (share.spent < budget && share.waiting.length === 0) {
      share.spent += weight;
      return true;
    }
    if (share.waiting.length === 0) this.#waiting.push(share);
    share.waiting.push(go);
    return false;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#next());
  }

  /** Everybody who waits does a few pieces of work; then the loop looks at the sockets before the next turn. */
  #next(): void {
    this.#scheduled = false;
    this.#turn += 1;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const share of waiting) {
      share.turn = this.#turn;
      share.spent = Math.min(budget, share.waiting.length);
      for (const go of share.waiting.splice(0, budget)) go();
      if (share.waiting.length > 0) this.#waiting.push(share);
    }
    if (this.#waiting.length > 0) this.#schedule();
  }
}
