import { sql } from 'kysely';
import { chainStart, segmentHash } from './chain.ts';
import type { Database } from './database.ts';
import { SegmentReader } from './segment-rows.ts';
import type { SegmentRow } from './schema.ts';
import type { AuditBreak, GapRecord, TrailVerdict, VerifyOptions } from './trail.ts';

type Reader = Database['read'];

/** What is held at once: segments, and events of them. */
const segmentsAtOnce = 500;
const eventsAtOnce = 4096;
/** The newest gaps are named; all are counted. */
const gapsNamed = 100;

/**
 * Walks the audit trail in the order of its ids and says where it first is not what was written. It looks at what was
 * there when it began, and holds a few thousand events at a time.
 */
export async function verifyTrail(read: Reader, { since, signal, onProgress }: VerifyOptions): Promise<TrailVerdict> {
  const end = await endOfTrail(read);
  const walk = new Walk();
  if (since !== undefined) {
    const known = await knownHead(read, since.lastId);
    // Where it was, and that it is the same: what it holds is hashed with all that comes after.
    if (known === undefined || !equal(known.hash, since.hash)) {
      return walk.verdict({ id: since.lastId, how: known === undefined ? 'cut_off' : 'other_head' });
    }
    walk.begin(since);
  }
  for (;;) {
    signal?.throwIfAborted();
    const keys = await segmentsAfter(read, walk.lastId, end.lastId);
    const [first] = keys;
    const last = keys.at(-1);
    if (first === undefined || last === undefined) break;
    for (const segment of await contentOf(read, first.last_id, last.last_id)) {
      const broken = walk.step(segment);
      if (broken !== null) return walk.verdict(broken);
    }
    const unlisted = await firstUnlisted(read, { from: first.last_id, to: Math.min(last.last_id, end.indexedTo) });
    if (unlisted !== null) return walk.verdict({ id: unlisted, how: 'unlisted' });
    onProgress?.(walk.events);
  }
  return walk.verdict(walk.endsAt(end));
}

interface TrailEnd {
  lastId: number;
  hash: Uint8Array | null;
  indexedTo: number;
  /** The first segment after `lastId`, which nobody but somebody else put there. */
  beyond: number | null;
}

/** In one statement, so that an append beside it is in all of it or in none. */
async function endOfTrail(read: Reader): Promise<TrailEnd> {
  const { rows } = await sql<{ last_id: number; hash: Uint8Array; indexed_to: number; beyond: number | null }>`
    select last_id, hash, indexed_to,
      (select min(first_id) from audit_segments where audit_segments.last_id > audit_head.last_id) as beyond
    from audit_head
  `.execute(read);
  const [row] = rows;
  if (row !== undefined) {
    return { lastId: row.last_id, hash: row.hash, indexedTo: row.indexed_to, beyond: row.beyond };
  }
  return { lastId: Number.MAX_SAFE_INTEGER, hash: null, indexedTo: 0, beyond: null };
}

function knownHead(read: Reader, lastId: number): Promise<{ hash: Uint8Array } | undefined> {
  if (lastId === 0) return Promise.resolve({ hash: chainStart });
  return read.selectFrom('audit_segments').select('hash').where('last_id', '=', lastId).executeTakeFirst();
}

/** The next segments that together hold a bounded number of events: one at least. */
async function segmentsAfter(read: Reader, after: number, to: number) {
  const keys = await read
    .selectFrom('audit_segments')
    .select(['last_id', 'first_id'])
    .where('last_id', '>', after)
    .where('last_id', '<=', to)
    .orderBy('last_id')
    .limit(segmentsAtOnce)
    .execute();
  let sum = 0;
  const end = keys.findIndex((key) => (sum += key.last_id - key.first_id + 1) >= eventsAtOnce);
  return end === -1 ? keys : keys.slice(0, end + 1);
}

function contentOf(read: Reader, from: number, to: number): Promise<SegmentRow[]> {
  return read
    .selectFrom('audit_segments')
    .selectAll()
    .where('last_id', '>=', from)
    .where('last_id', '<=', to)
    .orderBy('last_id')
    .execute();
}

/** The first segment whose team, sandbox or one of whose secrets does not list it, so that it would not be shown there. */
async function firstUnlisted(read: Reader, { from, to }: { from: number; to: number }): Promise<number | null> {
  if (to < from) return null;
  const segments = await read
    .selectFrom('audit_segments')
    .select(['last_id', 'first_id', 'team_id', 'sandbox_id', 'secret_ids'])
    .where('last_id', '>=', from)
    .where('last_id', '<=', to)
    .orderBy('last_id')
    .execute();
  const owners = [...new Set(segments.flatMap(ownersOf))];
  if (owners.length === 0) return null;
  const listed = await read
    .selectFrom('audit_owners')
    .select(['owner', 'last_id'])
    .where('owner', 'in', owners)
    .where('last_id', '>=', from)
    .where('last_id', '<=', to)
    .execute();
  const found = new Set(listed.map(({ owner, last_id: lastId }) => `${lastId} ${owner}`));
  const missing = segments.find((each) => ownersOf(each).some((owner) => !found.has(`${each.last_id} ${owner}`)));
  return missing?.first_id ?? null;
}

function ownersOf(segment: Pick<SegmentRow, 'team_id' | 'sandbox_id' | 'secret_ids'>): string[] {
  const secretIds: string[] = JSON.parse(segment.secret_ids);
  return [segment.team_id, segment.sandbox_id, ...secretIds].filter((owner) => owner !== null);
}

/** How far the chain holds. */
class Walk {
  #segments = 0;
  #events = 0;
  #lastId = 0;
  #hash = chainStart;
  #gaps = 0;
  #newestGaps: GapRecord[] = [];

  get lastId(): number {
    return this.#lastId;
  }

  get events(): number {
    return this.#events;
  }

  begin({ lastId, hash }: { lastId: number; hash: Uint8Array }): void {
    this.#lastId = lastId;
    this.#hash = hash;
  }

  /** Goes on to the next segment, or says how it does not follow. */
  step(segment: SegmentRow): AuditBreak | null {
    const { first_id: firstId, last_id: lastId } = segment;
    // Ids were given one after the other, but for those of databases from before the chain.
    if (firstId <= this.#lastId) return { id: firstId, how: 'inserted' };
    const hash = segmentHash(this.#hash, {
      firstId,
      lastId,
      teamId: segment.team_id,
      sandboxId: segment.sandbox_id,
      traits: segment.traits,
      secretIds: segment.secret_ids,
      rows: segment.rows,
    });
    if (!equal(hash, segment.hash)) {
      const next = this.#lastId + 1;
      return firstId > next ? { id: next, how: 'removed' } : { id: firstId, how: 'edited' };
    }
    const reader = readerOf(segment);
    if (reader?.count !== lastId - firstId + 1) return { id: firstId, how: 'edited' };
    for (const gap of segment.sandbox_id === null ? reader.gaps() : []) {
      this.#gaps += 1;
      this.#newestGaps.push(gap);
      if (this.#newestGaps.length > gapsNamed) this.#newestGaps.shift();
    }
    this.#segments += 1;
    this.#events += reader.count;
    this.#lastId = lastId;
    this.#hash = hash;
    return null;
  }

  /** Whether it ends where the head says that it does. */
  endsAt({ lastId, hash, beyond }: TrailEnd): AuditBreak | null {
    if (hash === null) return { id: this.#lastId + 1, how: 'cut_off' };
    if (this.#lastId < lastId) return { id: this.#lastId + 1, how: 'cut_off' };
    if (this.#lastId > lastId || !equal(this.#hash, hash)) return { id: lastId, how: 'other_head' };
    return beyond === null ? null : { id: beyond, how: 'inserted' };
  }

  verdict(broken: AuditBreak | null): TrailVerdict {
    return {
      segments: this.#segments,
      events: this.#events,
      lastId: this.#lastId,
      lastHash: Buffer.from(this.#hash).toString('hex'),
      gaps: { count: this.#gaps, newest: this.#newestGaps },
      broken,
    };
  }
}

/** Null for what was never written here, since it cannot be read. */
function readerOf(segment: SegmentRow): SegmentReader | null {
  try {
    return new SegmentReader(segment);
  } catch {
    return null;
  }
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
