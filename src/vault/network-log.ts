import { badField } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { NetworkLogPage, NetworkLogQuery } from './types.ts';

/**
 * What left a sandbox, newest first. Pages are cut by the numbers of events, which never tie and of which none appears later
 * among others that were seen: nothing is told twice or passed over, whatever comes meanwhile. Within a page rows stand in the
 * order of their times. `before` is the cursor of a page, or a time.
 */
export async function readNetworkLog(
  { events }: Pick<Store, 'events'>,
  sandboxId: string,
  { limit, before, since, verdict }: NetworkLogQuery,
): Promise<NetworkLogPage> {
  const from: ReturnType<typeof boundOf> = before === undefined ? {} : boundOf(before);
  const found = await events.bySandbox(sandboxId, {
    ...from,
    limit: limit + 1,
    // A verdict is of connections.
    kinds: verdict === undefined ? ['connection', 'request'] : ['connection'],
    ...(since === undefined ? {} : { since }),
    ...(verdict === undefined ? {} : { verdict }),
  });
  const rows = found.slice(0, limit);
  const oldest = rows.at(-1);
  const hasMore = found.length > limit && oldest !== undefined;
  return {
    rows: rows.toSorted((a, b) => b.ts.getTime() - a.ts.getTime() || b.id - a.id),
    nextCursor: hasMore ? cursorAfter(oldest.id, from.until) : null,
  };
}

/** A page that was asked for by a time ends there, and so do those that follow it. */
function cursorAfter(id: number, until: Date | undefined): string {
  return until === undefined ? `e${id}` : `e${id}.${until.getTime()}`;
}

function boundOf(before: string): { before?: number; until?: Date } {
  const [, id, time] = /^e([1-9]\d{0,15})(?:\.(\d{1,15}))?$/.exec(before) ?? [];
  if (id !== undefined) return { before: Number(id), ...(time === undefined ? {} : { until: new Date(Number(time)) }) };
  const until = /^\d{4}-\d\d-\d\dT/.test(before) ? new Date(before) : null;
  if (until === null || Number.isNaN(until.getTime())) {
    throw badField('before', 'must be the `next_cursor` of a page, or an RFC 3339 time');
  }
  return { until };
}
