import { sql } from 'kysely';
import { traits } from '../audit-rows.ts';
import type { Database } from './database.ts';
import { SegmentReader } from './segment-rows.ts';
import type { SegmentRow } from './schema.ts';
import type { EventStore, StatusClass, StoredEvent } from './trail.ts';
import { nearestStorableJson } from './text.ts';
import { verifyTrail } from './verify.ts';

/** Segments that are looked for at once, and events that are read at once: more is read in turns. */
const segmentsAtOnce = 500;
const eventsAtOnce = 4096;

/** By how much an event may be written after one that ended later: the store was away, or the clock was set back. */
const outOfOrderMs = 24 * 60 * 60_000;

interface Page {
  limit: number;
  before?: number;
}

/** Whose segments are read, and which of their events. */
interface Wanted {
  owner: string;
  /** In the segments that have no entry yet. */
  column: 'sandbox_id' | 'secret_ids';
  /** Bits of `traits`; a segment with none of them is passed over. Zero: every segment. */
  traits: number;
  fits: (event: Omit<StoredEvent, 'sandboxName'>) => boolean;
  /** True where none before it can be wanted. */
  tooOld?: (event: Omit<StoredEvent, 'sandboxName'>) => boolean;
}

export function eventStore({ read, appendSegments }: Pick<Database, 'read' | 'appendSegments'>): EventStore {
  return {
    async append(segments) {
      if (segments.length === 0) return;
      await appendSegments(segments.map((each) => ({ ...each, rows: nearestStorableJson(each.rows) })));
    },

    bySecret: (secretId, { status, kinds = ['request'], ...page }) =>
      readPage(read, page, {
        owner: secretId,
        column: 'secret_ids',
        traits: traitsOf(status, kinds),
        fits: (event) => event.secretId === secretId && kinds.includes(event.kind) && hasStatus(event, status),
      }),

    bySandbox: (sandboxId, { since, until, verdict, kinds, ...page }) =>
      readPage(read, page, {
        owner: sandboxId,
        column: 'sandbox_id',
        traits: verdict === undefined ? 0 : traits[verdict],
        fits: (event) =>
          (kinds === undefined || kinds.includes(event.kind)) &&
          (verdict === undefined || event.verdict === verdict) &&
          (since === undefined || event.ts >= since) &&
          (until === undefined || event.ts < until),
        ...(since === undefined ? {} : { tooOld: (event) => endOf(event) < since.getTime() - outOfOrderMs }),
      }),

    verify: (options = {}) => verifyTrail(read, options),
  };
}

/**
 * When it ended, and so about when it was written: the time of a request is that of its beginning, which may be days before.
 * Of a tripwire's request that is not known: it is told by those around it.
 */
function endOf({ kind, ts, latencyMs }: Pick<StoredEvent, 'kind' | 'ts' | 'latencyMs'>): number {
  return kind === 'tripwire' ? Number.POSITIVE_INFINITY : ts.getTime() + (latencyMs ?? 0);
}

/** The newest events that are wanted, newest first. */
async function readPage(read: Database['read'], { limit, before }: Page, wanted: Wanted): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  const newest = before === undefined ? Number.MAX_SAFE_INTEGER : before - 1;
  let to = before === undefined ? newest : await segmentOf(read, newest);
  // Grows where little of what is read is wanted, so that a first page reads no more than it shows.
  let enough = limit;
  for (;;) {
    const keys = await segmentsUpTo(read, to, wanted);
    for (let start = 0; start < keys.length;) {
      const some = taken(keys.slice(start), enough);
      start += some.length;
      enough = Math.min(enough * 2, eventsAtOnce);
      for (const segment of await contentOf(read, some)) {
        const reader = new SegmentReader(segment);
        for (let id = Math.min(segment.last_id, newest); id >= segment.first_id; id--) {
          const event = reader.event(id);
          if (event === null) continue;
          if (wanted.tooOld?.(event) === true) return events;
          if (!wanted.fits(event)) continue;
          events.push({ ...event, sandboxName: segment.sandbox_name });
          if (events.length === limit) return events;
        }
      }
    }
    const oldest = keys.at(-1);
    if (oldest === undefined || keys.length < segmentsAtOnce) return events;
    to = oldest.last_id - 1;
  }
}

type Key = Pick<SegmentRow, 'first_id' | 'last_id'>;

/** The last id of the segment that holds this one, or the same where none does. */
async function segmentOf(read: Database['read'], id: number): Promise<number> {
  const row = await read
    .selectFrom('audit_segments')
    .select('last_id')
    .where('last_id', '>=', id)
    .orderBy('last_id')
    .limit(1)
    .executeTakeFirst();
  return row?.last_id ?? id;
}

/** Segments of an owner, newest first: those that have no entry yet, looked through, and those that have. */
async function segmentsUpTo(read: Database['read'], to: number, wanted: Wanted): Promise<Key[]> {
  const { owner, column } = wanted;
  const has =
    column === 'sandbox_id' ? sql`sandbox_id = ${owner}` : sql`secret_ids like ${`%${JSON.stringify(owner)}%`}`;
  const fit = wanted.traits === 0 ? sql`` : sql`and (s.traits & ${sql.lit(wanted.traits)}) <> 0`;
  const { rows } = await sql<Key>`
    select s.last_id, s.first_id from audit_segments s
    where s.last_id > (select indexed_to from audit_head) and s.last_id <= ${to} and ${has} ${fit}
    union all
    select o.last_id, s.first_id from audit_owners o join audit_segments s on s.last_id = o.last_id
    where o.owner = ${owner} and o.last_id <= ${to} ${fit}
    order by 1 desc limit ${segmentsAtOnce}
  `.execute(read);
  return rows;
}

/** The first of them that hold this many events together: one at least. */
function taken(keys: readonly Key[], events: number): Key[] {
  let sum = 0;
  const end = keys.findIndex((key) => (sum += key.last_id - key.first_id + 1) >= events);
  return end === -1 ? [...keys] : keys.slice(0, end + 1);
}

function contentOf(read: Database['read'], keys: readonly Key[]) {
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

/** Bits of which a segment with such events has one. Zero: it may have none. */
function traitsOf(status: StatusClass | undefined, kinds: readonly StoredEvent['kind'][]): number {
  const tripwires = kinds.includes('tripwire') ? traits.tripwire : 0;
  if (status !== undefined) return traits[status] | tripwires;
  return kinds.length === 1 ? tripwires : 0;
}

function hasStatus({ status, errorCode }: Pick<StoredEvent, 'status' | 'errorCode'>, wanted?: StatusClass): boolean {
  if (wanted === undefined) return true;
  if (wanted === 'errors') return errorCode !== null || (status !== null && status >= 400);
  const first = firstStatus[wanted];
  return status !== null && status >= first && status < first + 100;
}

const firstStatus: Record<Exclude<StatusClass, 'errors'>, number> = { '2xx': 200, '3xx': 300, '4xx': 400, '5xx': 500 };
