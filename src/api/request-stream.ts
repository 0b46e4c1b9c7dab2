import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { StandinError } from '../errors.ts';
import type { RequestFilter } from '../vault/console-types.ts';
import type { Caller, Vault } from '../vault/types.ts';
import type { Exchange } from './handler.ts';
import { requestAnswer } from './handlers/activity.ts';

/** How often the end of the trail is looked at while anybody watches, and how long a watcher may take nothing. */
const lookEveryMs = 250;
const patienceMs = 10_000;
/** Proxies on the way end connections that say nothing. */
const keepAliveMs = 15_000;
/** At once, of one team: none takes another's. */
const mostWatchers = 64;

type Outcome = { code: 'too_slow' | 'stopping' | 'unauthorized' | 'unavailable'; message: string };

/** Everybody who watches requests as they come: one look at the end of the trail for all of them, whichever server wrote it. */
export class RequestStreams {
  readonly #requests: Vault['requests'];
  /** How many watch, by their team. */
  readonly #watchers = new Map<string, number>();
  #lastId = 0;
  #looking: Promise<void> | null = null;

  constructor({ requests }: Pick<Vault, 'requests'>) {
    this.#requests = requests;
  }

  /**
   * Server-sent events (HTML, section 9.2): `ready`, then `request` with a row and its id, at last `end` with the reason, where
   * it is not the client that went. `resumeFrom`: the id of the last event that the client has.
   */
  async serve(
    exchange: Exchange,
    watch: {
      caller: Caller;
      filter: RequestFilter;
      resumeFrom: number | null;
      signal: AbortSignal;
      /** Rejects once the caller may not watch any more. */
      recheck: () => Promise<unknown>;
    },
  ): Promise<void> {
    const { teamId } = watch.caller;
    const watchers = this.#watchers.get(teamId) ?? 0;
    if (watchers >= mostWatchers) {
      throw new StandinError('rate_limited', `${mostWatchers} of this team watch already; close one`, {
        retryAfter: 5,
      });
    }
    this.#watchers.set(teamId, watchers + 1);
    try {
      const newest = await this.#requests.lastId();
      let lastId = Math.min(watch.resumeFrom ?? newest, newest);
      // A filter that cannot be is refused before the answer begins.
      await this.#requests.after(watch.caller, newest, watch.filter);
      const response = exchange.begin(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
      const client = new Watcher(response, watch.signal);
      await client.send(`event: ready\ndata: ${JSON.stringify({ last_id: lastId })}\n\n`);
      let aliveAt = performance.now();
      let outcome: Outcome | null = null;
      while (outcome === null && !response.destroyed) {
        if (watch.signal.aborted) outcome = { code: 'stopping', message: 'the server is stopping; connect again' };
        else if (performance.now() - aliveAt >= keepAliveMs) {
          aliveAt = performance.now();
          outcome = (await isStill(watch.recheck)) ? await client.send(': keepalive\n\n') : signedOut;
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
      client.end(outcome);
    } finally {
      const left = (this.#watchers.get(teamId) ?? 1) - 1;
      if (left === 0) this.#watchers.delete(teamId);
      else this.#watchers.set(teamId, left);
    }
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

const signedOut: Outcome = {
  code: 'unauthorized',
  message: 'the key was revoked or the session is over; sign in again',
};

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

  constructor(response: ServerResponse, signal: AbortSignal) {
    this.#response = response;
    this.#signal = signal;
    response.flushHeaders();
  }

  /** Resolves when it may be sent more, or with why it may not. */
  async send(text: string): Promise<Outcome | null> {
    if (this.#response.destroyed || this.#response.write(text)) return null;
    const { promise, resolve } = Promise.withResolvers<Outcome | null>();
    const slow = { code: 'too_slow' as const, message: 'what was sent was not read for ten seconds; connect again' };
    const timer = setTimeout(() => resolve(slow), patienceMs);
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
    if (this.#response.destroyed) return;
    this.#response.end(outcome === null ? '' : `event: end\ndata: ${JSON.stringify(outcome)}\n\n`);
    // Who reads nothing does not read its end either.
    if (outcome?.code === 'too_slow') setTimeout(() => this.#response.destroy(), 1000).unref();
  }
}
