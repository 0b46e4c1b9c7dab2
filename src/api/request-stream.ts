import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { StandinError } from '../errors.ts';
import type { RequestFilter } from '../vault/console-types.ts';
import type { Caller, Vault } from '../vault/types.ts';
import type { Exchange } from './handler.ts';
import { requestAnswer } from './handlers/activity.ts';

/** Milliseconds, but for `mostWatchers`. */
export interface StreamLimits {
  /** How often the end of the trail is looked at while anybody watches. */
  lookEveryMs: number;
  /** How long a watcher may take nothing. */
  patienceMs: number;
  /** Proxies on the way end connections that say nothing. */
  keepAliveMs: number;
  /** How long somebody who may not watch any more is told of requests, at most. */
  recheckMs: number;
  /** How long a client may take to read why its stream ends. */
  lastWordsMs: number;
  mostWatchers: number;
}

const defaultLimits: StreamLimits = {
  lookEveryMs: 250,
  patienceMs: 10_000,
  keepAliveMs: 15_000,
  recheckMs: 1000,
  lastWordsMs: 1000,
  mostWatchers: 64,
};

interface Watch {
  caller: Caller;
  filter: RequestFilter;
  /** Aborts when the client goes, and when the server stops. */
  signal: AbortSignal;
  /** Rejects once the caller may not watch any more. */
  recheck: () => Promise<unknown>;
}

type Outcome = { code: 'too_slow' | 'stopping' | 'unauthorized' | 'unavailable'; message: string };

/** Everybody who watches requests as they come: one look at the end of the trail for all of them, whichever server wrote it. */
export class RequestStreams {
  readonly #requests: Vault['requests'];
  #watchers = 0;
  #lastId = 0;
  #looking: Promise<void> | null = null;
  readonly #limits: StreamLimits;

  constructor({ requests }: Pick<Vault, 'requests'>, limits: Partial<StreamLimits> = {}) {
    this.#requests = requests;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /**
   * Server-sent events (HTML, section 9.2): `ready`, then `request` with a row and its id, at last `end` with the reason, where
   * it is not the client that went. `resumeFrom`: the id of the last event that the client has.
   */
  async serve(exchange: Exchange, watch: Watch & { resumeFrom: number | null }): Promise<void> {
    const { mostWatchers } = this.#limits;
    if (this.#watchers >= mostWatchers) {
      throw new StandinError('rate_limited', `${mostWatchers} watch already; close one`, { retryAfter: 5 });
    }
    this.#watchers += 1;
    try {
      const newest = await this.#requests.lastId();
      let lastId = Math.min(watch.resumeFrom ?? newest, newest);
      // A filter that cannot be is refused before the answer begins.
      await this.#requests.after(watch.caller, newest, watch.filter);
      const response = exchange.begin(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
      const client = new Watcher(response, watch.signal, this.#limits);
      const outcome =
        (await client.send(`event: ready\ndata: ${JSON.stringify({ last_id: lastId })}\n\n`)) ??
        (await this.#follow(client, { ...watch, lastId }).catch(databaseGone));
      client.end(outcome);
    } finally {
      this.#watchers -= 1;
    }
  }

  /** Tells a watcher of what comes; resolves with why that ends, null where the client went. */
  async #follow(client: Watcher, watch: Watch & { lastId: number }): Promise<Outcome | null> {
    const { lookEveryMs, keepAliveMs, recheckMs } = this.#limits;
    let { lastId } = watch;
    let aliveAt = performance.now();
    let checkedAt = aliveAt;
    let outcome: Outcome | null = null;
    while (outcome === null && !client.isGone) {
      const now = performance.now();
      if (watch.signal.aborted) outcome = stopping;
      else if (now - checkedAt >= recheckMs) {
        checkedAt = now;
        if (!(await isStill(watch.recheck))) outcome = signedOut;
      } else if (now - aliveAt >= keepAliveMs) {
        aliveAt = now;
        outcome = await client.send(': keepalive\n\n');
      } else if (await this.#hasMore(lastId)) {
        const { rows, lastId: seen } = await this.#requests.after(watch.caller, lastId, watch.filter);
        lastId = seen;
        for (const row of rows) {
          outcome ??= await client.send(
            `event: request\nid: ${row.id}\ndata: ${JSON.stringify(requestAnswer(row))}\n\n`,
          );
        }
      } else {
        await sleep(lookEveryMs, undefined, { signal: watch.signal }).catch(() => undefined);
      }
    }
    return outcome;
  }

  /** Whether the trail has anything after an id. */
  async #hasMore(lastId: number): Promise<boolean> {
    if (this.#lastId > lastId) return true;
    this.#looking ??= this.#look();
    await this.#looking;
    return this.#lastId > lastId;
  }

  async #look(): Promise<void> {
    try {
      this.#lastId = await this.#requests.lastId();
    } finally {
      this.#looking = null;
    }
  }
}

const stopping: Outcome = { code: 'stopping', message: 'the server is stopping; connect again' };
const signedOut: Outcome = {
  code: 'unauthorized',
  message: 'the key was revoked or the session is over; sign in again',
};

function databaseGone(error: unknown): Outcome {
  if (!(error instanceof StandinError) || error.code !== 'unavailable') throw error;
  return { code: 'unavailable', message: 'the database cannot be reached; connect again' };
}

async function isStill(recheck: () => Promise<unknown>): Promise<boolean> {
  try {
    await recheck();
    return true;
  } catch (error) {
    // A database that is away for a moment has signed nobody out.
    return error instanceof StandinError && error.code === 'unavailable';
  }
}

/** A client that is sent no more than it takes. */
class Watcher {
  readonly #response: ServerResponse;
  readonly #signal: AbortSignal;
  readonly #limits: StreamLimits;

  constructor(response: ServerResponse, signal: AbortSignal, limits: StreamLimits) {
    this.#response = response;
    this.#signal = signal;
    this.#limits = limits;
    response.flushHeaders();
  }

  get isGone(): boolean {
    return this.#response.destroyed;
  }

  /** Resolves when it may be sent more, or with why it may not. */
  async send(text: string): Promise<Outcome | null> {
    if (this.isGone) return null;
    if (this.#signal.aborted) return stopping;
    if (this.#response.write(text)) return null;
    const { promise, resolve } = Promise.withResolvers<Outcome | null>();
    const { patienceMs } = this.#limits;
    const message = `what was sent was not read for ${patienceMs / 1000} seconds; connect again`;
    const timer = setTimeout(() => resolve({ code: 'too_slow', message }), patienceMs);
    const go = () => resolve(null);
    this.#response.once('drain', go).once('close', go);
    this.#signal.addEventListener('abort', go, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#response.off('drain', go).off('close', go);
      this.#signal.removeEventListener('abort', go);
    }
  }

  end(outcome: Outcome | null): void {
    if (this.isGone) return;
    this.#response.end(outcome === null ? '' : `event: end\ndata: ${JSON.stringify(outcome)}\n\n`);
    // Who reads nothing does not read its end either.
    const timer = setTimeout(() => this.#response.destroy(), this.#limits.lastWordsMs).unref();
    this.#response.once('close', () => clearTimeout(timer));
  }
}
