import { sql } from 'kysely';
import { requestVerdict, traits } from '../audit-rows.ts';
import type { Database } from './database.ts';
import { eventsAtOnce, hasStatus, outOfOrderMs, segmentContent, segmentOf, taken } from './segment-reading.ts';
import type { SegmentKey } from './segment-reading.ts';
import { SegmentReader } from './segment-rows.ts';
import type { EventFilter, EventRecord, EventSearch, ExplainedEvent, FoundEvents, StoredEvent } from './trail.ts';

type Reader = Database['read'];

/** What one search looks at, at most: a page comes in tens of milliseconds, however little of the trail is wanted. */
const segmentsLookedAt = 2000;
const eventsLookedAt = 6000;
const keysAtOnce = 1000;

/** The newest events that are wanted, newest first, as far as one search goes. */
export async function searchEvents(read: Reader, teamId: string, query: EventSearch): Promise<FoundEvents> {
  const { limit, before, since, until } = query;
  const newest = before === undefined ? Number.MAX_SAFE_INTEGER : before - 1;
  let to = before === undefined ? newest : await segmentOf(read, newest);
  if (until !== undefined) to = Math.min(to, await writtenBy(read, until.getTime() + outOfOrderMs));
  const oldest = since === undefined ? null : since.getTime() - outOfOrderMs;
  const mask = traitsOf(query);
  const events: StoredEvent[] = [];
  let segments = 0;
  let looked = 0;
  // Grows where little of what is read is wanted, so that a first page reads no more than it shows.
  let enough = limit;
  for (;;) {
    const all = await keysUpTo(read, { to, teamId, query });
    const keys = mask === 0 ? all : all.filter((key) => (key.traits & mask) !== 0);
    for (let start = 0; start < keys.length;) {
      const some = taken(keys.slice(start), enough);
      start += some.length;
      enough = Math.min(enough * 2, eventsAtOnce);
      for (const segment of await segmentContent(read, some)) {
        const reader = new SegmentReader(segment);
        for (let id = Math.min(segment.last_id, newest); id >= segment.first_id; id--) {
          const event = reader.event(id);
          if (event === null) continue;
          looked += 1;
          if (oldest !== null && event.kind !== 'tripwire' && event.ts.getTime() + (event.latencyMs ?? 0) < oldest)
            return { events, next: null };
          if (!fits(event, teamId, query) || (since !== undefined && event.ts < since)) continue;
          if (until !== undefined && event.ts >= until) continue;
          if (events.length === limit) return { events, next: events.at(-1)?.id ?? 0 };
          events.push({ ...event, sandboxName: segment.sandbox_name });
        }
        if (looked >= eventsLookedAt) return { events, next: segment.first_id };
      }
    }
    const last = all.at(-1);
    if (last === undefined || all.length < keysAtOnce) return { events, next: null };
    segments += all.length;
    to = last.first_id - 1;
    if (segments >= segmentsLookedAt) return { events, next: last.first_id };
  }
}

type Key = SegmentKey & { traits: number };

/** Segments of whom the search is about, newest first: those that have no entry yet, looked through, and those that have. */
async function keysUpTo(
  read: Reader,
  { to, teamId, query }: { to: number; teamId: string; query: EventFilter },
): Promise<Key[]> {
  const { sandboxId, secretId } = query;
  const owner = secretId ?? sandboxId ?? teamId;
  const has =
    secretId !== undefined
      ? sql`secret_ids like ${`%${JSON.stringify(secretId)}%`}`
      : sandboxId !== undefined
        ? sql`sandbox_id = ${sandboxId}`
        : sql`team_id = ${teamId}`;
  const { rows } = await sql<Key>`
    select s.last_id, s.first_id, s.traits from (
      select last_id from audit_segments
      where last_id > (select indexed_to from audit_head) and last_id <= ${to} and ${has}
      union all
      select last_id from audit_owners where owner = ${owner} and last_id <= ${to}
      order by 1 desc limit ${keysAtOnce}
    ) as k join audit_segments s on s.last_id = k.last_id
    order by 1 desc
  `.execute(read);
  return rows;
}

/** An id after which everything was written later than that. */
async function writtenBy(read: Reader, time: number): Promise<number> {
  const mark = await read
    .selectFrom('activity_marks')
    .select('last_id')
    .where('at', '>=', time)
    .orderBy('at')
    .limit(1)
    .executeTakeFirst();
  return mark?.last_id ?? Number.MAX_SAFE_INTEGER;
}

/** What came after an id: a bounded number of events, oldest first. */
export async function eventsAfter(
  read: Reader,
  { teamId, lastId, filter }: { teamId: string; lastId: number; filter: EventFilter },
): Promise<{ events: StoredEvent[]; lastId: number }> {
  const all = await read
    .selectFrom('audit_segments')
    .select(['last_id', 'first_id', 'team_id', 'sandbox_id'])
    .where('last_id', '>', lastId)
    .orderBy('last_id')
    .limit(keysAtOnce)
    .execute();
  const wanted = all.filter(
    (each) => each.team_id === teamId && (filter.sandboxId ?? each.sandbox_id) === each.sandbox_id,
  );
  const mine = taken(wanted, eventsAtOnce);
  const events: StoredEvent[] = [];
  const content = mine.length === 0 ? [] : await segmentContent(read, mine);
  for (const segment of content.toReversed()) {
    const reader = new SegmentReader(segment);
    for (let id = Math.max(segment.first_id, lastId + 1); id <= segment.last_id; id++) {
      const event = reader.event(id);
      if (event !== null && fits(event, teamId, filter)) events.push({ ...event, sandboxName: segment.sandbox_name });
    }
  }
  const end = mine.length < wanted.length ? mine.at(-1) : all.at(-1);
  return { events, lastId: end?.last_id ?? lastId };
}

export async function newestId(read: Reader): Promise<number> {
  const head = await read.selectFrom('audit_head').select('last_id').executeTakeFirst();
  return head?.last_id ?? 0;
}

/** All rows of the request that an id is of. */
export async function explainedEvents(read: Reader, teamId: string, id: number): Promise<ExplainedEvent[]> {
  const last = await segmentOf(read, id);
  const [segment] = await segmentContent(read, [{ first_id: last, last_id: last }]);
  if (segment === undefined || segment.team_id !== teamId || id < segment.first_id) return [];
  const reader = new SegmentReader(segment);
  let [from, to] = [id, id];
  while (from > segment.first_id && reader.repeats(from)) from -= 1;
  while (to < segment.last_id && reader.repeats(to + 1)) to += 1;
  const events: ExplainedEvent[] = [];
  for (let each = from; each <= to; each++) {
    const event = reader.event(each);
    if (event === null || event.kind === 'connection') continue;
    events.push({ ...event, sandboxName: segment.sandbox_name, details: reader.details(each) });
  }
  return events;
}

/** Bits of which a segment with such events has one. Zero: it may have none. */
function traitsOf({ kinds, status, verdict }: EventFilter): number {
  const tripwires = kinds.includes('tripwire') ? traits.tripwire : 0;
  if (!kinds.includes('request')) return tripwires;
  if (status !== undefined) return traits[status] | (status === 'errors' ? tripwires : 0);
  return verdict === undefined || verdict === 'allowed' ? 0 : traits.errors | tripwires;
}

function fits(event: EventRecord, teamId: string, filter: EventFilter): boolean {
  const { sandboxId, secretId, host, verdict, status, kinds } = filter;
  return (
    event.teamId === teamId &&
    event.kind !== 'connection' &&
    kinds.includes(event.kind) &&
    (sandboxId === undefined || event.sandboxId === sandboxId) &&
    (secretId === undefined || event.secretId === secretId) &&
    (host === undefined || event.host === host) &&
    (verdict === undefined || verdictOf(event) === verdict) &&
    hasStatus(event, status)
  );
}

function verdictOf({ kind, errorCode }: EventRecord) {
  return kind === 'tripwire' ? 'blocked' : requestVerdict(errorCode);
}
