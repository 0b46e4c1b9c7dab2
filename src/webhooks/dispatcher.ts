import type { SecureContext } from 'node:tls';
import type { Envelope } from '../crypto/envelope.ts';
import { wipeSecret } from '../crypto/secret.ts';
import type { Logger } from '../log.ts';
import type { DeliveryRecord, WebhookStore } from '../store/store.ts';
import { webhookKeyContext } from '../vault/webhook-key.ts';
import { post } from './post.ts';
import { signedHeaders } from './signature.ts';

export interface DispatcherParts {
  store: WebhookStore;
  envelope: Envelope;
  /** The same guard as that of the egress proxy. */
  guard: (address: string) => boolean;
  secureContext: SecureContext;
  logger: Logger;
  now: () => Date;
  times?: Partial<DispatchTimes>;
}

/** Milliseconds. */
export interface DispatchTimes {
  /** An answer has to have come by then. */
  timeout: number;
  /** Before the second attempt; doubles with each further one, up to `longestDelay`. */
  firstDelay: number;
  longestDelay: number;
  /** After this a delivery is given up. */
  giveUpAfter: number;
  /** Ids of what was delivered are kept this long. */
  keep: number;
  /** How long nothing is looked for at most: another server may have left something. */
  rest: number;
}

const usual: DispatchTimes = {
  timeout: 10_000,
  firstDelay: 5_000,
  longestDelay: 3_600_000,
  giveUpAfter: 86_400_000,
  keep: 7 * 86_400_000,
  rest: 30_000,
};

/** Posts that are under way at once; one for each webhook, so that one which hangs keeps none but its own waiting. */
const atOnce = 16;
/** What a webhook that an operator put at this machine itself may dial. */
const isLoopback = (address: string) => address === '127.0.0.1' || address === '::1';
const pruneEvery = 3_600_000;

/**
 * Delivers what waits in the store, at least once: a delivery ends only when its endpoint has answered 2xx or a day has
 * passed, and one whose server died under it is due again when its claim has run out.
 */
export class WebhookDispatcher {
  readonly #parts: DispatcherParts;
  readonly #times: DispatchTimes;
  readonly #busy = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #again = false;
  #prunedAt = 0;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#times = { ...usual, ...parts.times };
  }

  /** Something may be due: at the start, and whenever a delivery was queued. */
  wake(): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#looking !== null) {
      this.#again = true;
      return;
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#looking = this.#look()
      .catch((err: unknown) => {
        this.#parts.logger.warn({ err }, 'webhook deliveries cannot be read');
        return this.#times.rest;
      })
      .then((wait) => {
        this.#looking = null;
        if (this.#stopping.signal.aborted) return;
        if (this.#again) this.wake();
        else this.#timer = setTimeout(() => this.wake(), wait);
        this.#again = false;
      });
  }

  /** Breaks off what is under way; it is due again at the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#looking;
    await Promise.all(this.#busy.values());
  }

  /** Starts what is due. Resolves with how long to wait before the next look. */
  async #look(): Promise<number> {
    const { store, now } = this.#parts;
    const at = now();
    if (at.getTime() - this.#prunedAt > pruneEvery) {
      this.#prunedAt = at.getTime();
      await store.prune(new Date(at.getTime() - this.#times.keep));
    }
    const limit = atOnce - this.#busy.size;
    if (limit <= 0) return this.#times.rest;
    for (const delivery of await store.due(at, { busy: [...this.#busy.keys()], limit })) {
      const lease = new Date(at.getTime() + this.#times.timeout * 2 + 1000);
      if (!(await store.claim(delivery, lease))) continue;
      const { webhookId } = delivery;
      const done = this.#deliver({ ...delivery, attempts: delivery.attempts + 1 })
        .catch((err: unknown) => this.#parts.logger.warn({ err, webhook: webhookId }, 'a webhook delivery failed here'))
        .then(() => {
          this.#busy.delete(webhookId);
          this.wake();
        });
      this.#busy.set(webhookId, done);
    }
    const next = await store.nextDue([...this.#busy.keys()]);
    return next === null
      ? this.#times.rest
      : Math.min(this.#times.rest, Math.max(10, next.getTime() - now().getTime()));
  }

  async #deliver(delivery: DeliveryRecord): Promise<void> {
    const { store, now, logger } = this.#parts;
    const outcome = await this.#attempt(delivery);
    const { id, webhookId: webhook, attempts } = delivery;
    if (outcome === null) return;
    if (outcome === 'delivered') {
      await store.end(id, 'delivered', now());
      return;
    }
    const at = now().getTime();
    const until = at + this.#delay(attempts);
    if (this.#stopping.signal.aborted) {
      await store.postpone(id, new Date(at));
    } else if (until - delivery.createdAt.getTime() > this.#times.giveUpAfter) {
      await store.end(id, 'given_up', now());
      logger.warn({ webhook, delivery: id, attempts, reason: outcome }, 'a webhook delivery was given up');
    } else {
      await store.postpone(id, new Date(until));
      logger.info({ webhook, delivery: id, attempts, reason: outcome }, 'a webhook delivery will be tried again');
    }
  }

  /** 'delivered', or why not. Null: the webhook is gone. */
  async #attempt({ id, webhookId, body }: DeliveryRecord): Promise<string | null> {
    const { store, envelope, guard, secureContext, now } = this.#parts;
    const found = await store.find(webhookId);
    if (found === null) return null;
    const { webhook, sealed } = found;
    const key = await envelope.open(sealed, webhookKeyContext(webhook));
    try {
      const signed = signedHeaders(key, { id, timestamp: Math.floor(now().getTime() / 1000), body });
      const status = await post({
        url: webhook.url,
        headers: { ...signed, 'content-type': 'application/json', 'user-agent': 'standin-webhooks' },
        body,
        mayDial: webhook.loopback ? isLoopback : guard,
        secureContext,
        timeoutMs: this.#times.timeout,
        signal: this.#stopping.signal,
      });
      return status >= 200 && status < 300 ? 'delivered' : `answered ${status}`;
    } catch (error) {
      return error instanceof Error ? error.message : 'unknown';
    } finally {
      wipeSecret(key);
    }
  }

  /** Doubles with each attempt; half of it is left to chance, so that many do not come back at once. */
  #delay(attempts: number): number {
    const whole = Math.min(this.#times.longestDelay, this.#times.firstDelay * 2 ** Math.min(attempts - 1, 30));
    return whole / 2 + (Math.random() * whole) / 2;
  }
}
