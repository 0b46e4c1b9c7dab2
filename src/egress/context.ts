import type { Logger } from '../log.ts';
import type { ControlLink } from './control-link.ts';
import type { SandboxRegistry } from './registry.ts';
import type { LeafContexts } from './tls/contexts.ts';
import type { UpstreamPool } from './upstream.ts';

/** What the parts of one worker share. */
export interface EgressContext {
  readonly control: ControlLink;
  readonly registry: SandboxRegistry;
  readonly contexts: LeafContexts;
  readonly pool: UpstreamPool;
  /** The address guard: whether the product as such allows dialling this address. */
  readonly guard: (address: string) => boolean;
  readonly failures: FailureThrottle;
  readonly connections: ConnectionTable;
  readonly firstByteTimeoutMs: number;
  readonly log: Logger;
}

/** A client's connection as the once-a-second sweep, revocation and draining see it. */
export interface TrackedConnection {
  readonly sandboxId: string | null;
  /** Milliseconds since the epoch; past it, `expire` is called. */
  deadline: number;
  expire(): void;
  /** Close as soon as the exchange under way is done. */
  drain(): void;
  destroy(): void;
}

/** Every open client connection of this worker: one timer for all of them, instead of one each. */
export class ConnectionTable {
  readonly #open = new Set<TrackedConnection>();
  #empty: (() => void) | null = null;
  draining = false;
  /** The time at the last sweep: near enough for deadlines, and free. */
  now = Date.now();

  get size(): number {
    return this.#open.size;
  }

  add(connection: TrackedConnection): void {
    this.#open.add(connection);
  }

  delete(connection: TrackedConnection): void {
    this.#open.delete(connection);
    if (this.#open.size === 0) this.#empty?.();
  }

  sweep(now: number): void {
    this.now = now;
    for (const connection of this.#open) if (connection.deadline <= now) connection.expire();
  }

  closeSandbox(sandboxId: string): void {
    for (const connection of this.#open) if (connection.sandboxId === sandboxId) connection.destroy();
  }

  /** Lets every exchange finish, and cuts off what has not after `limitMs`. Resolves when no connection is left. */
  async drain(limitMs: number): Promise<void> {
    this.draining = true;
    for (const connection of this.#open) connection.drain();
    if (this.#open.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#empty = resolve;
    const timer = setTimeout(() => {
      for (const connection of this.#open) connection.destroy();
    }, limitMs);
    await promise;
    clearTimeout(timer);
  }
}

/**
 * Slows the guessing of proxy tokens: after a number of failures for one key (source address and claimed sandbox), more
 * tries are refused unseen for the rest of the window. Bounded in size; the oldest windows go first.
 */
export class FailureThrottle {
  readonly #windows = new Map<string, { failures: number; until: number }>();
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #maxKeys: number;

  constructor(options: { limit?: number; windowMs?: number; maxKeys?: number } = {}) {
    this.#limit = options.limit ?? 10;
    this.#windowMs = options.windowMs ?? 10_000;
    this.#maxKeys = options.maxKeys ?? 10_000;
  }

  blocked(key: string, now: number): boolean {
    const window = this.#windows.get(key);
    return window !== undefined && window.until > now && window.failures >= this.#limit;
  }

  fail(key: string, now: number): void {
    const window = this.#windows.get(key);
    if (window !== undefined && window.until > now) {
      window.failures += 1;
      return;
    }
    this.#windows.delete(key);
    if (this.#windows.size >= this.#maxKeys) {
      const oldest = this.#windows.keys().next();
      if (oldest.done !== true) this.#windows.delete(oldest.value);
    }
    this.#windows.set(key, { failures: 1, until: now + this.#windowMs });
  }
}
