import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Logger } from '../../log.ts';
import type { Schema } from '../schema.ts';
import type { ChangeFeed } from '../store.ts';
import { createSubscribers } from '../subscribers.ts';

/** How soon another process's write is noticed, milliseconds. */
const watchInterval = 250;

/**
 * Changes of this process by name. SQLite cannot notify, so what another process wrote to the same file is noticed by
 * `pragma data_version` of the writing connection, which moves only for writes that were not its own, and told as `null`.
 */
export function sqliteChanges(write: Kysely<Schema>, logger: Logger | undefined): ChangeFeed & { close(): void } {
  const subscribers = createSubscribers(logger);
  let seen: number | null = null;
  let looking = false;

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      const { rows } = await sql<{ data_version: number }>`pragma data_version`.execute(write);
      const version = rows[0]?.data_version ?? null;
      if (seen !== null && version !== seen) subscribers.tell(null);
      seen = version;
    } catch (error) {
      logger?.warn({ err: error }, 'cannot see whether another process changed the database');
      subscribers.tell(null);
    } finally {
      looking = false;
    }
  }

  void look();
  const watch = setInterval(() => void look(), watchInterval);
  watch.unref();
  return {
    async publish(sandboxIds) {
      subscribers.tell(sandboxIds);
    },
    subscribe: (listener) => subscribers.subscribe(listener),
    close: () => clearInterval(watch),
  };
}
