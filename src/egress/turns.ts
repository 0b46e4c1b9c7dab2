import type { Socket } from 'node:net';

/** What one sandbox may do before others have had their turn: a request or a piece of content counts 1. */
const budget = 8;
/** How long after two sandboxes were at work at once their work is shared out. */
const contendedMs = 2_000;
const windowMs = 1_000;

/** What each sandbox may do in each worker; 0: as much as it can. */
export interface SandboxLimits {
  connections: number;
  requestsPerSecond: number;
  /** Content both ways. */
  bytesPerSecond: number;
}

/** What can be made to wait. */
export interface Paced {
  pause(): void;
  resume(): void;
}

/** One sandbox's part of what a worker can do. */
export class Share {
  /** Connections and tunnels that hold it. */
  holders = 0;
  /** Tunnels that are open. */
  tunnels = 0;
  /** Spent in the turn that `turn` says. */
  spent = 0;
  turn = -1;
  readonly waiting: (() => void)[] = [];
  readonly #turns: Turns;
  /** Links that wait for their turn. */
  readonly #paced = new Set<Paced>();
  #windowStart = 0;
  #requests = 0;
  #bytes = 0;

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

  /** Content came over a link: where it is not this sandbox's turn, the link is paused until it is. */
  pace(link: Paced, count: number): void {
    this.takeBytes(count);
    if (this.#paced.has(link)) return;
    const go = () => {
      this.#paced.delete(link);
      link.resume();
    };
    if (this.enter(go)) return;
    this.#paced.add(link);
    link.pause();
  }

  /** False: one request too many for this second. */
  takeRequest(): boolean {
    const limit = this.#turns.limits.requestsPerSecond;
    if (limit === 0) return true;
    this.#openWindow();
    this.#requests += 1;
    return this.#requests <= limit;
  }

  /** Content that went through. */
  takeBytes(count: number): void {
    if (this.#turns.limits.bytesPerSecond === 0) return;
    this.#openWindow();
    this.#bytes += count;
  }

  /** Its bytes of this second are used up. */
  get isSpent(): boolean {
    const limit = this.#turns.limits.bytesPerSecond;
    if (limit === 0) return false;
    this.#openWindow();
    return this.#bytes > limit;
  }

  /** A new second: what was too much in the last one counts against it. */
  #openWindow(): void {
    const passed = this.#turns.now() - this.#windowStart;
    if (passed < windowMs) return;
    this.#windowStart += passed;
    this.#requests = 0;
    this.#bytes = Math.max(0, this.#bytes - this.#turns.limits.bytesPerSecond * Math.floor(passed / windowMs));
  }
}

/**
 * Shares a worker's time out among sandboxes. As long as one alone is at work it does what it can. When a second one comes,
 * each does a few pieces of work and then waits until the loop has looked at everybody's sockets: however much the first
 * one asks for, the second waits for some pieces of it, not for all. Beside that, each has its limits.
 */
export class Turns {
  /** Milliseconds; a second's precision is enough. */
  readonly now: () => number;
  readonly limits: Readonly<SandboxLimits>;
  readonly #shares = new Map<string, Share>();
  #waiting: Share[] = [];
  /** Those whose bytes are used up. */
  #spent: Share[] = [];
  #last: Share | null = null;
  #contendedUntil = 0;
  #turn = 0;
  #scheduled = false;

  constructor(now: () => number, limits: SandboxLimits = { connections: 0, requestsPerSecond: 0, bytesPerSecond: 0 }) {
    this.now = now;
    this.limits = limits;
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

  /** Whether a sandbox has all the tunnels that it may have. */
  isFull(sandboxId: string): boolean {
    const { connections } = this.limits;
    return connections > 0 && (this.#shares.get(sandboxId)?.tunnels ?? 0) >= connections;
  }

  /** Holds the share of a sandbox for as long as a tunnel's socket is open. */
  holdTunnel(sandboxId: string, socket: Socket): Share {
    const share = this.hold(sandboxId);
    share.tunnels += 1;
    socket.once('close', () => {
      share.tunnels -= 1;
      this.release(sandboxId);
    });
    return share;
  }

  /** As `Share.enter`, for a sandbox whose share somebody holds. */
  enterAs(sandboxId: string, go: () => void, weight: number): boolean {
    return this.#shares.get(sandboxId)?.enter(go, weight) ?? true;
  }

  /** @internal used by Share */
  enter(share: Share, go: () => void, weight: number): boolean {
    if (share !== this.#last) {
      if (this.#last !== null) this.#contendedUntil = this.now() + contendedMs;
      this.#last = share;
    }
    const isSpent = share.isSpent;
    const contended = this.#contendedUntil > 0 && this.now() <= this.#contendedUntil;
    if (!contended && !isSpent && share.waiting.length === 0) return true;
    if (share.turn !== this.#turn) {
      share.turn = this.#turn;
      share.spent = 0;
    }
    this.#schedule();
    if (!isSpent && share.spent < budget && share.waiting.length === 0) {
      share.spent += weight;
      return true;
    }
    if (share.waiting.length === 0) this.#waiting.push(share);
    share.waiting.push(go);
    return false;
  }

  /** Called once a second: who has used up a second's bytes goes on in the next. */
  sweep(): void {
    if (this.#spent.length === 0) return;
    this.#waiting = this.#waiting.concat(this.#spent);
    this.#spent = [];
    this.#schedule();
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
      if (share.isSpent) {
        this.#spent.push(share);
        continue;
      }
      share.turn = this.#turn;
      share.spent = Math.min(budget, share.waiting.length);
      for (const go of share.waiting.splice(0, budget)) go();
      if (share.waiting.length > 0) this.#waiting.push(share);
    }
    if (this.#waiting.length > 0) this.#schedule();
  }
}
