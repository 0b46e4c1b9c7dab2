import type { Database } from './database.ts';
import type { SegmentRow } from './schema.ts';
import type { StatusClass, StoredEvent } from './trail.ts';

/** Segments that are looked for at once, and events that are read at once: more is read in turns. */
export const segmentsAtOnce = 500;
export const eventsAtOnce = 4096;

/** By how much an event may be written after one that ended later: the store was away, or the clock was set back. */
export const outOfOrderMs = 24 * 60 * 60_000;

export type SegmentKey = Pick<SegmentRow, 'first_id' | 'last_id'>;

/** The last id of the segment that holds this one, or the same where none does. */
export async function segmentOf(read: Database['read'], id: number): Promise<number> {
  const row = await read
    .selectFrom('audit_segments')
    .select('last_id')
    .where('last_id', '>=', id)
    .orderBy('last_id')
    .limit(1)
    .executeTakeFirst();
  return row?.last_id ?? id;
}

/** The first of them that hold this many events together: one at least. */
export function taken(keys: readonly SegmentKey[], events: number): SegmentKey[] {
  let sum = 0;
  const end = keys.findIndex((key) => (sum += key.last_id - key.first_id + 1) >= events);
  return end === -1 ? [...keys] : keys.slice(0, end + 1);
}

/** With the names of live sandboxes, newest first. */
export function segmentContent(read: Database['read'], keys: readonly SegmentKey[]) {
  return read
    .selectFrom('audit_segments')
    .leftJoin('sandboxes', (join) =>
      join.onRef('sandboxes.id', '=', 'audit_segments.sandbox_id').on('sandboxes.deleted_at', 'is', null),
    )
    .select(['last_id', 'first_id', 'audit_segments.team_id', 'sandbox_id', 'secret_ids', 'rows'])
    .select('sandboxes.name as sandbox_name')
    .where(
      'last_id',
      'in',
      keys.map((key) => key.last_id),
    )
    .orderBy('last_id', 'desc')
    .execute();
}

export function hasStatus(
  { status, errorCode }: Pick<StoredEvent, 'status' | 'errorCode'>,
  wanted?: StatusClass,
): boolean {
  if (wanted === undefined) return true;
  if (wanted === 'errors') return errorCode !== null || (status !== null && status >= 400);
  const first = firstStatus[wanted];
  return status !== null && status >= first && status < first + 100;
}

const firstStatus: Record<Exclude<StatusClass, 'errors'>, number> = { '2xx': 200, '3xx': 300, '4xx': 400, '5xx': 500 };
