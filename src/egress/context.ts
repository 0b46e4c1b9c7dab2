import { timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Logger } from '../log.ts';
import type { ControlLink } from './control-link.ts';
import type { SandboxRegistry } from './registry.ts';
import type { LeafContexts } from './tls/contexts.ts';
import type { Turns } from './turns.ts';
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
  readonly turns: Turns;
  readonly firstByteTimeoutMs: number;
  readonly log: Logger;
}

/** A client's connection as the once-a-second sweep, revocation and draining see it. */
export interface TrackedConnection {
  readonly sandboxId: string | null;
  /** Its place in the table, or -1: the table's business. */
  place: number;
  /** Milliseconds since the epoch; past it, `expire` is called. */
  readonly deadline: number;
  expire(): void;
  /** Close as soon as the exchange under way is done. */
  drain(): void;
  destroy(): void;
  /** What this worker knew of its sandbox is out of date: what the rules of now do not allow ends within a second. */
  reconsider?(): void;
}

/**
 * Keeps a connection in the table while it waits for something, for `limitMs` at most. Returns what ends that; the socket
 * then has no listeners of this any more.
 */
export function holdConnection(
  context: Pick<EgressContext, 'connections'>,
  socket: Socket,
  options: { sandboxId: string | null; limitMs: number },
): () => void {
  const destroy = () => socket.destroy();
  const held: TrackedConnection = {
    sandboxId: options.sandboxId,
    place: -1,
    deadline: Date.now() + options.limitMs,
    expire: destroy,
    drain: destroy,
    destroy,
  };
  const release = () => {
    context.connections.delete(held);
    socket.off('error', destroy);
    socket.off('close', release);
  };
  context.connections.add(held);
  socket.on('error', destroy);
  socket.on('close', release);
  return release;
}

/**
 * Every open client connection of this worker: one timer for all of them, instead of one each. Not a Set: see `StreamTable`.
 */
export class ConnectionTable {
  readonly #open: TrackedConnection[] = [];
  #empty: (() => void) | null = null;
  draining = false;
  /** The time at the last sweep: near enough for deadlines, and free. */
  now = Date.now();

  get size(): number {
    return this.#open.length;
  }

  add(connection: TrackedConnection): void {
    connection.place = this.#open.push(connection) - 1;
  }

  delete(connection: TrackedConnection): void {
    const { place } = connection;
    const last = this.#open.at(-1);
    if (place === -1 || last === undefined) return;
    this.#open[place] = last;
    last.place = place;
    connection.place = -1;
    this.#open.pop();
    if (this.#open.length === 0) this.#empty?.();
  }

  /** As they are now: what is done with one may close others. */
  #all(): TrackedConnection[] {
    return this.#open.filter(({ place }) => place !== -1);
  }

  sweep(now: number): void {
    this.now = now;
    for (const connection of this.#all()) if (connection.deadline <= now) connection.expire();
  }

  /** The worker was told to forget these sandboxes; null: all of them. */
  reconsider(sandboxIds: readonly string[] | null): void {
    const ids = sandboxIds === null ? null : new Set(sandboxIds);
    for (const connection of this.#all()) {
      if (connection.reconsider === undefined || connection.sandboxId === null) continue;
      if (ids === null || ids.has(connection.sandboxId)) connection.reconsider();
    }
  }

  closeSandbox(sandboxId: string): void {
    for (const connection of this.#all()) if (connection.sandboxId === sandboxId) connection.destroy();
  }

  /** Lets every exchange finish, and cuts off what has not after `limitMs`. Resolves when no connection is left. */
  async drain(limitMs: number): Promise<void> {
    this.draining = true;
    for (const connection of this.#all()) connection.drain();
    if (this.#open.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#empty = resolve;
    const timer = setTimeout(() => {
      for (const connection of this.#all()) connection.destroy();
    }, limitMs);
    await promise;
    clearTimeout(timer);
  }
}

/**
 * Slows the guessing of proxy tokens: after a number of failures for one key (source address and claimed sandbox), more
 * tries are refused unseen for the rest of the window. The proof that was last right for the same key is excused, so that
 * a neighbour behind the same address cannot lock a sandbox out; what was never right from there is held back, right or
 * wrong. Bounded in size; the oldest windows and proofs go first.
 */
export class FailureThrottle {
  readonly #proofs = new Map<string, Buffer>();
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

  /** Returns what the failure is to its window. */
  fail(key: string, now: number): 'first' | 'another' | 'last' {
    const window = this.#windows.get(key);
    if (window !== undefined && window.until > now) {
      window.failures += 1;
      return window.failures === this.#limit ? 'last' : 'another';
    }
    this.#windows.delete(key);
    makeRoom(this.#windows, this.#maxKeys);
    this.#windows.set(key, { failures: 1, until: now + this.#windowMs });
    return 'first';
  }

  /** Whether this proof (a SHA-256) is the one that was last right for the key. Never a reason to let anybody in. */
  isProven(key: string, proof: Buffer): boolean {
    const proven = this.#proofs.get(key);
    return proven !== undefined && timingSafeEqual(proven, proof);
  }

  /** The proof was right. */
  prove(key: string, proof: Buffer): void {
    if (this.isProven(key, proof)) return;
    this.#proofs.delete(key);
    makeRoom(this.#proofs, this.#maxKeys);
    this.#proofs.set(key, proof);
  }

  /** The proof is right no more. */
  disprove(key: string, proof: Buffer): void {
    if (this.isProven(key, proof)) this.#proofs.delete(key);
  }
}

function makeRoom(map: Map<string, unknown>, size: number): void {
  if (map.size < size) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
