import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionError } from '../client/errors.ts';
import type { Io } from './io.ts';

const intervalMs = 1000;
/** Rows that a poll may bring: more than this many pages at once are not caught up with. */
const mostPages = 20;
/** What was shown is remembered for so many rows; the server's newest page is far shorter. */
const mostSeen = 20_000;

export interface Feed<Row> {
  /** Rows, newest first, and what the next older page is asked for by. */
  page(older: string | null): Promise<{ rows: readonly Row[]; older: string | null }>;
  keyOf(row: Row): string;
  /** Oldest first. */
  print(rows: readonly Row[]): void;
  /** Told once when the server stops answering, until it does again. */
  lost(): void;
}

/**
 * Shows the newest page and then what comes after it, each row once, until the process is ended or nobody reads stdout
 * any more. While the server does not answer it goes on asking.
 */
export async function follow<Row>(io: Io, feed: Feed<Row>): Promise<void> {
  const seen = new Set<string>();
  let first = true;
  let lost = false;
  const reader = new AbortController();
  const end = () => reader.abort();
  // Node does not mark its own stdout as destroyed when its reader goes away.
  io.stdout.once('error', end).once('close', end);
  while (!reader.signal.aborted) {
    try {
      const rows = await unseen(feed, seen, first);
      feed.print(rows.toReversed());
      first = false;
      lost = false;
    } catch (error) {
      if (!(error instanceof ConnectionError) || first) throw error;
      if (!lost) feed.lost();
      lost = true;
    }
    await delay(intervalMs);
  }
}

/** Newest first; pages are turned back until one has a row that was shown. */
async function unseen<Row>(feed: Feed<Row>, seen: Set<string>, first: boolean): Promise<Row[]> {
  const found: Row[] = [];
  let older: string | null = null;
  for (let count = 0; count < mostPages; count++) {
    const page = await feed.page(older);
    const fresh = page.rows.filter((row) => !seen.has(feed.keyOf(row)));
    found.push(...fresh);
    older = page.older;
    if (first || older === null || fresh.length < page.rows.length) break;
  }
  for (const row of found.toReversed()) seen.add(feed.keyOf(row));
  for (const key of seen) {
    if (seen.size <= mostSeen) break;
    seen.delete(key);
  }
  return found;
}
