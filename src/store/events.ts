import { sql } from 'kysely';
import { traits } from '../audit-rows.ts';
import type { Database } from './database.ts';
import {
  eventsAtOnce,
  hasStatus,
  outOfOrderMs,
  segmentContent,
  segmentOf,
  segmentsAtOnce,
  taken,
} from './segment-reading.ts';
import type { SegmentKey } from './segment-reading.ts';
import { SegmentReader } from './segment-rows.ts';
import type { EventStore, StatusClass, StoredEvent } from './trail.ts';
import { eventsAfter, explainedEvents, newestId, searchEvents } from './event-search.ts';
import { nearestStorableJson } from './text.ts';
import { verifyTrail } from './verify.ts';

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

    search: (teamId, query) => searchEvents(read, teamId, query),
    after: (teamId, lastId, query) => eventsAfter(read, { teamId, lastId, filter: query }),
    lastId: () => newestId(read),
    explained: (teamId, id) => explainedEvents(read, teamId, id),
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
      for (const segment of await segmentContent(read, some)) {
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

/** Segments of an owner, newest first: those that have no entry yet, looked through, and those that have. */
async function segmentsUpTo(read: Database['read'], to: number, wanted: Wanted): Promise<SegmentKey[]> {
  const { owner, column } = wanted;
  const has =
    column === 'sandbox_id' ? sql`sandbox_id = ${owner}` : sql`secret_ids like ${`%${JSON.stringify(owner)}%`}`;
  const fit = wanted.traits === 0 ? sql`` : sql`and (s.traits & ${sql.lit(wanted.traits)}) <> 0`;
  const { rows } = await sql<SegmentKey>`
    select s.last_id, s.first_id from audit_segments s
    where s.last_id > (select indexed_to from audit_head) and s.last_id <= ${to} and ${has} ${fit}
    union all
    select o.last_id, s.first_id from audit_owners o join audit_segments s on s.last_id = o.last_id
    where o.owner = ${owner} and o.last_id <= ${to} ${fit}
    order by 1 desc limit ${segmentsAtOnce}
  `.execute(read);
  return rows;
}

/** Bits of which a segment with such events has one. Zero: it may have none. */
function traitsOf(status: StatusClass | undefined, kinds: readonly StoredEvent['kind'][]): number {
  const tripwires = kinds.includes('tripwire') ? traits.tripwire : 0;
  if (status !== undefined) return traits[status] | tripwires;
  return kinds.length === 1 ? tripwires : 0;
}
