import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { ClientConfig } from 'pg';
import type { Logger } from '../../log.ts';
import type { Schema } from '../schema.ts';
import type { ChangeFeed } from '../store.ts';
import { createSubscribers } from '../subscribers.ts';
import { openListener } from './listener.ts';
import type { Listener } from './listener.ts';

const channel = 'standin_changes';
/** A payload must stay under 8000 bytes (postgresql.org/docs, NOTIFY): an id and its comma are 37. */
const idsAtOnce = 200;
/** Milliseconds between attempts to listen again; the longest bounds how long a revocation can go unheard. */
const backoff = { first: 50, longest: 1000 };

/**
 * Changes by LISTEN/NOTIFY. A payload is `<process> <id>,<id>,...`; a process skips its own, having told its
 * subscribers itself. While the listening connection is lost, subscribers are told `null` at every attempt to restore
 * it and once more when it stands. Rejects where the first connection fails.
 */
export async function postgresChanges(
  write: Kysely<Schema>,
  config: ClientConfig,
  logger: Logger | undefined,
): Promise<ChangeFeed & { close(): Promise<void> }> {
  const subscribers = createSubscribers(logger);
  const self = randomUUID();
  const closing = new AbortController();

  function hear(payload: string): void {
    const [sender, ids] = payload.split(' ');
    if (sender === self) return;
    subscribers.tell(ids === undefined || ids === '' ? null : ids.split(','));
  }

  async function listenAgain(): Promise<Listener | null> {
    for (let wait = backoff.first; !closing.signal.aborted; wait = Math.min(wait * 2, backoff.longest)) {
      subscribers.tell(null);
      try {
        const listener = await openListener(config, channel, hear);
        subscribers.tell(null);
        return listener;
      } catch (error) {
        logger?.warn({ err: error }, 'cannot listen for changes; trying again');
      }
      await sleep(wait, undefined, { signal: closing.signal }).catch(() => undefined);
    }
    return null;
  }

  async function keepListening(first: Listener): Promise<void> {
    let listener: Listener | null = first;
    while (listener !== null) {
      const closed = once(closing.signal);
      await Promise.race([listener.ended, closed]);
      if (closing.signal.aborted) {
        await listener.close();
        return;
      }
      logger?.warn('the connection that listens for changes was lost');
      listener = await listenAgain();
    }
  }

  const listening = keepListening(await openListener(config, channel, hear));
  return {
    async publish(sandboxIds) {
      subscribers.tell(sandboxIds);
      for (let start = 0; start < sandboxIds.length; start += idsAtOnce) {
        const payload = `${self} ${sandboxIds.slice(start, start + idsAtOnce).join(',')}`;
        await sql`select pg_notify(${channel}, ${payload})`.execute(write);
      }
    },
    subscribe: (listener) => subscribers.subscribe(listener),
    async close() {
      closing.abort();
      await listening;
    },
  };
}

function once(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
