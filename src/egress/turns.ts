import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { maxHeadBytes } from './wire/head-end.ts';

/** What one sandbox may do before others have had their turn, in pieces of work: a request, or a piece of content. */
const budget = 2;
/** What those who have not said who they are may do at one address while one sandbox alone is at work. */
const strangersBudget = 16;
/** About what a piece takes. One that takes longer counts as so many. */
const pieceMs = 0.05;
/** What of content takes about as long, to read and to write: both are encrypted, and the writing comes after the piece. */
const pieceBytes = 16 * 1024;
/** What a TLS handshake counts, either side's. */
export const handshakeWeight = 8;
/** Clients' handshakes of one sandbox that are under way at once: however late their last flights come, no more come together. */
export const mostHandshakes = 64;
/** What a sandbox may owe of later turns: what it did beyond its budget, once a piece of work was begun. */
const mostOwed = 128;
/** How long after two sandboxes were at work at once their work is shared out. */
const contendedMs = 2_000;
const windowMs = 1_000;

/** What each sandbox may do in each worker; 0: as much as it can. */
export interface SandboxLimits {
  connections: number;
  requestsPerSecond: number;
  /** Content both ways. */
  bytesPerSecond: number;
  /** What the head of a request may be long; always a number. */
  headBytes: number;
}

const unlimited: SandboxLimits = {
  connections: 0,
  requestsPerSecond: 0,
  bytesPerSecond: 0,
  headBytes: maxHeadBytes,
};

/** A piece of work that waits for its sandbox's turn. */
interface Waiting {
  readonly go: () => void;
  readonly weight: number;
}

/** One sandbox's part of what a worker can do. */
export class Share {
  /** Connections and tunnels that hold it. */
  holders = 0;
  /** Tunnels that are open. */
  tunnels = 0;
  /** Spent in the turn that `turn` says, and owed from before. */
  spent = 0;
  turn = -1;
  readonly waiting: Waiting[] = [];
  readonly #turns: Turns;
  /** Whether it is a sandbox's. Strangers always take turns, and make nobody else do so: a sandbox's new connections begin as such. */
  readonly isSandbox: boolean;
  #handshakes = 0;
  readonly #nextHandshakes: (() => void)[] = [];
  #windowStart = 0;
  #requests = 0;
  #bytes = 0;

  constructor(turns: Turns, isSandbox: boolean) {
    this.#turns = turns;
    this.isSandbox = isSandbox;
  }

  /**
   * Whether to go on now. If not, stop reading: `go` is called in this sandbox's turn. `weight` is for what costs more than
   * a request, such as a handshake.
   */
  enter(go: () => void, weight = 1): boolean {
    return this.#turns.enter(this, go, weight);
  }

  /** Work that was not asked for by `enter`: later turns pay for it. */
  charge(weight: number): void {
    this.#turns.charge(this, weight);
  }

  /**
   * Whether to begin a client's handshake now, in whose turn it is. If not, `go` is called when it may. Whoever began one calls
   * `endHandshake` when it is over, however it ended.
   */
  enterHandshake(go: () => void): boolean {
    if (this.#handshakes >= mostHandshakes) {
      this.#nextHandshakes.push(go);
      return false;
    }
    this.#handshakes += 1;
    return this.enter(go, handshakeWeight);
  }

  /** One that began is over: the next that waits has its turn. */
  endHandshake(): void {
    this.#handshakes -= 1;
    const next = this.#nextHandshakes.shift();
    if (next === undefined) return;
    this.#handshakes += 1;
    // Not within this call: thousands that wait may have gone away, each of which ends at once.
    if (this.enter(next, handshakeWeight)) queueMicrotask(next);
  }

  /** A piece of work that `enter` let in begins; what this returns is for {@link end}. */
  begin(): number {
    return this.#turns.clock();
  }

  /** It is done, and was of `bytes`. What it took beyond a piece's time, or will take to write, later turns pay for. */
  end(begun: number, bytes: number): void {
    if (begun > 0) this.charge(Math.max((this.#turns.clock() - begun) / pieceMs, bytes / pieceBytes) - 1);
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
  /** Milliseconds, exact: what work takes. */
  readonly #clock: () => number;
  readonly #shares = new Map<string, Share>();
  #waiting: Share[] = [];
  /** Those whose bytes are used up. */
  #spent: Share[] = [];
  #last: Share | null = null;
  #contendedUntil = 0;
  #turn = 0;
  #scheduled = false;

  constructor(now: () => number, limits: SandboxLimits = unlimited, clock: () => number = () => performance.now()) {
    this.now = now;
    this.limits = limits;
    this.#clock = clock;
  }

  /** The share of a sandbox, to be given back with `release`. */
  hold(sandboxId: string): Share {
    return this.#hold(sandboxId, true);
  }

  #hold(key: string, isSandbox: boolean): Share {
    let share = this.#shares.get(key);
    if (share === undefined) this.#shares.set(key, (share = new Share(this, isSandbox)));
    share.holders += 1;
    return share;
  }

  /**
   * The share of all at one address who have not said yet which sandbox they are. It is given back with `leave`, or when the
   * socket closes.
   */
  holdStranger(socket: Socket): { share: Share; leave: () => void } {
    const key = `from ${socket.remoteAddress ?? ''}`;
    let isHeld = true;
    const leave = () => {
      if (isHeld) this.release(key);
      isHeld = false;
    };
    socket.once('close', leave);
    return { share: this.#hold(key, false), leave };
  }

  release(sandboxId: string): void {
    const share = this.#shares.get(sandboxId);
    if (share === undefined) return;
    share.holders -= 1;
    if (share.holders > 0) return;
    this.#shares.delete(sandboxId);
    if (this.#last === share) this.#last = null;
  }

  /** Holds the share of a sandbox for as long as a socket is open. */
  holdOpen(sandboxId: string, socket: Socket): Share {
    socket.once('close', () => this.release(sandboxId));
    return this.hold(sandboxId);
  }

  /** Whether a sandbox has all the tunnels that it may have. */
  isFull(sandboxId: string): boolean {
    const { connections } = this.limits;
    return connections > 0 && (this.#shares.get(sandboxId)?.tunnels ?? 0) >= connections;
  }

  /** Holds the share of a sandbox for as long as a tunnel's socket is open. */
  holdTunnel(sandboxId: string, socket: Socket): Share {
    const share = this.holdOpen(sandboxId, socket);
    share.tunnels += 1;
    socket.once('close', () => (share.tunnels -= 1));
    return share;
  }

  /** @internal used by Share */
  enter(share: Share, go: () => void, weight: number): boolean {
    if (share !== this.#last && share.isSandbox) {
      if (this.#last !== null) this.#contendedUntil = this.now() + contendedMs;
      this.#last = share;
    }
    const isSpent = share.isSpent;
    if (share.isSandbox && !this.#contended && !isSpent && share.waiting.length === 0) return true;
    this.#renew(share);
    this.#schedule();
    if (!isSpent && share.spent < this.#budgetOf(share) && share.waiting.length === 0) {
      share.spent += weight;
      return true;
    }
    if (share.waiting.length === 0) this.#waiting.push(share);
    share.waiting.push({ go, weight });
    return false;
  }

  /** @internal used by Share: milliseconds; 0 where one sandbox is alone, and nobody has to know. */
  clock(): number {
    return this.#contended ? this.#clock() : 0;
  }

  /** @internal used by Share */
  charge(share: Share, weight: number): void {
    if (!this.#contended || weight <= 0) return;
    this.#renew(share);
    share.spent = Math.min(share.spent + weight, mostOwed);
  }

  get #contended(): boolean {
    return this.#contendedUntil > 0 && this.now() <= this.#contendedUntil;
  }

  /** In a new turn there is a budget to spend, less what is owed (deficit round robin, Shreedhar and Varghese 1995). */
  #renew(share: Share): void {
    if (share.turn === this.#turn) return;
    share.spent = Math.max(0, share.spent - this.#budgetOf(share) * (this.#turn - share.turn));
    share.turn = this.#turn;
  }

  #budgetOf(share: Share): number {
    return share.isSandbox || this.#contended ? budget : strangersBudget;
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
      this.#renew(share);
      const most = this.#budgetOf(share);
      let done = 0;
      for (let next = share.waiting[0]; next !== undefined && share.spent < most; next = share.waiting[done]) {
        done += 1;
        share.spent += next.weight;
        next.go();
      }
      share.waiting.splice(0, done);
      if (share.waiting.length > 0) this.#waiting.push(share);
    }
    if (this.#waiting.length > 0) this.#schedule();
  }
}
