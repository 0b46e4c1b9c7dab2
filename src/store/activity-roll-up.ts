import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import { ActivitySums, edgeWidths, floor, totalWidths } from './activity-sums.ts';
import type { Total } from './activity-sums.ts';
import type { Database } from './database.ts';
import { addLatencies, latenciesOf, latenciesText } from './latencies.ts';
import type { Schema } from './schema.ts';
import { SegmentReader } from './segment-rows.ts';

/** What is counted in one transaction, at most. */
const segmentsAtOnce = 2000;
const eventsAtOnce = 8192;
/** Rows in one statement: each takes eight parameters. */
const rowsAtOnce = 500;

const dayMs = 24 * 60 * 60_000;
/** How long figures are kept: somewhat longer than the window that shows them. */
const kept: Record<number, number> = {
  60: dayMs,
  900: 3 * dayMs,
  3600: 35 * dayMs,
  300: dayMs,
  7200: 3 * dayMs,
  86_400: 35 * dayMs,
};
/** Old figures are looked for where a new hour begins for somebody. */
const pruneWidth = 3600;

/**
 * Counts what has come since the last time. What is read never changes, so it is read before the transaction; that then
 * begins with moving the head from where it was, and whoever was second finds it moved.
 */
export async function rollUp({ read, write }: Pick<Database, 'read' | 'write'>): Promise<boolean> {
  const { rolled_to: from } = await read.selectFrom('activity_head').select('rolled_to').executeTakeFirstOrThrow();
  const keys = await read
    .selectFrom('audit_segments')
    .select(['last_id', 'first_id'])
    .where('last_id', '>', from)
    .orderBy('last_id')
    .limit(segmentsAtOnce)
    .execute();
  let sum = 0;
  const end = keys.findIndex((key) => (sum += key.last_id - key.first_id + 1) >= eventsAtOnce);
  const last = end === -1 ? keys.at(-1) : keys[end];
  if (last === undefined) return false;
  const sums = new ActivitySums();
  const segments = await read
    .selectFrom('audit_segments')
    .select(['last_id', 'first_id', 'team_id', 'sandbox_id', 'secret_ids', 'rows'])
    .where('last_id', '>', from)
    .where('last_id', '<=', last.last_id)
    .orderBy('last_id')
    .execute();
  for (const segment of segments) {
    const reader = readerOf(segment);
    if (reader === null) continue;
    for (let id = segment.first_id; id <= segment.last_id; id++) {
      const event = reader.event(id);
      if (event !== null) sums.add(event, reader.repeats(id));
    }
  }
  sums.close();
  await write.transaction().execute(async (transaction) => {
    const moved = await transaction
      .updateTable('activity_head')
      .set({ rolled_to: last.last_id })
      .where('rolled_to', '=', from)
      .executeTakeFirst();
    if (moved.numUpdatedRows === 0n) return;
    await addTotals(transaction, sums);
    await addHours(transaction, sums);
    await addEdges(transaction, sums);
    await mark(transaction, sums.newest, last.last_id);
  });
  return end !== -1 || keys.length === segmentsAtOnce;
}

/** One that was edited may be no JSON: `verify` says so, and nothing is counted of it. */
function readerOf(segment: ConstructorParameters<typeof SegmentReader>[0]): SegmentReader | null {
  try {
    return new SegmentReader(segment);
  } catch {
    return null;
  }
}

async function addTotals(transaction: Transaction<Schema>, sums: ActivitySums): Promise<void> {
  const { totals, newest } = sums;
  const begun = new Set<string>();
  for (const total of [...totals.values()].toSorted(byKey)) {
    const { teamId, width, at } = total;
    const known = await transaction
      .selectFrom('activity_totals')
      .select(['requests', 'refusals', 'failures', 'tripwires', 'latencies'])
      .where('team_id', '=', teamId)
      .where('width', '=', sql.lit(width))
      .where('at', '=', at)
      .executeTakeFirst();
    const latencies = known === undefined ? new Map<number, number>() : latenciesOf(known.latencies);
    addLatencies(latencies, total.latencies);
    const counts = {
      requests: total.requests + (known?.requests ?? 0),
      refusals: total.refusals + (known?.refusals ?? 0),
      failures: total.failures + (known?.failures ?? 0),
      tripwires: total.tripwires + (known?.tripwires ?? 0),
      latencies: latenciesText(latencies),
    };
    await transaction
      .insertInto('activity_totals')
      .values({ team_id: teamId, width, at, ...counts })
      .onConflict((conflict) => conflict.columns(['team_id', 'width', 'at']).doUpdateSet(counts))
      .execute();
    if (known === undefined && width === pruneWidth) begun.add(teamId);
  }
  for (const teamId of begun) await prune(transaction, teamId, newest);
  if (begun.size > 0) await pruneHours(transaction, sums);
}

function byKey(a: Total, b: Total): number {
  return a.teamId === b.teamId ? a.width - b.width || a.at - b.at : a.teamId < b.teamId ? -1 : 1;
}

/** `now`: by the trail's own clock. */
async function prune(transaction: Transaction<Schema>, teamId: string, now: number): Promise<void> {
  for (const width of totalWidths) {
    await transaction
      .deleteFrom('activity_totals')
      .where('team_id', '=', teamId)
      .where('width', '=', sql.lit(width))
      .where('at', '<', now - (kept[width] ?? 0))
      .execute();
  }
  for (const width of edgeWidths) {
    await transaction
      .deleteFrom('activity_edges')
      .where('team_id', '=', teamId)
      .where('width', '=', sql.lit(width))
      .where('at', '<', now - (kept[width] ?? 0))
      .execute();
  }
}

/** Of the secrets that are used now; those of others stay until they are. */
async function pruneHours(transaction: Transaction<Schema>, { hours, newest }: ActivitySums): Promise<void> {
  const ids = [...new Set([...hours.values()].map(({ secretId }) => secretId))].toSorted();
  for (let start = 0; start < ids.length; start += rowsAtOnce) {
    await transaction
      .deleteFrom('activity_secrets')
      .where('secret_id', 'in', ids.slice(start, start + rowsAtOnce))
      .where('at', '<', newest - (kept[pruneWidth] ?? 0))
      .execute();
  }
}

async function addHours(transaction: Transaction<Schema>, { hours }: ActivitySums): Promise<void> {
  const rows = [...hours.values()]
    .map(({ secretId, at, uses, refusals }) => ({ secret_id: secretId, at, uses, refusals }))
    .toSorted((a, b) => (a.secret_id === b.secret_id ? a.at - b.at : a.secret_id < b.secret_id ? -1 : 1));
  for (let start = 0; start < rows.length; start += rowsAtOnce) {
    await transaction
      .insertInto('activity_secrets')
      .values(rows.slice(start, start + rowsAtOnce))
      .onConflict((conflict) =>
        conflict.columns(['secret_id', 'at']).doUpdateSet({
          uses: sql`activity_secrets.uses + excluded.uses`,
          refusals: sql`activity_secrets.refusals + excluded.refusals`,
        }),
      )
      .execute();
  }
}

async function addEdges(transaction: Transaction<Schema>, { edges }: ActivitySums): Promise<void> {
  const rows = [...edges]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { teamId, width, at, sandboxId, secretId, host, requests, refusals }]) => ({
      team_id: teamId,
      width,
      at,
      sandbox_id: sandboxId,
      secret_id: secretId,
      host,
      requests,
      refusals,
    }));
  for (let start = 0; start < rows.length; start += rowsAtOnce) {
    await transaction
      .insertInto('activity_edges')
      .values(rows.slice(start, start + rowsAtOnce))
      .onConflict((conflict) =>
        conflict.columns(['team_id', 'width', 'at', 'sandbox_id', 'secret_id', 'host']).doUpdateSet({
          requests: sql`activity_edges.requests + excluded.requests`,
          refusals: sql`activity_edges.refusals + excluded.refusals`,
        }),
      )
      .execute();
  }
}

async function mark(transaction: Transaction<Schema>, newest: number, lastId: number): Promise<void> {
  if (newest === 0) return;
  await transaction
    .insertInto('activity_marks')
    .values({ at: floor(newest, 60) + 60_000, last_id: lastId })
    .onConflict((conflict) => conflict.column('at').doUpdateSet({ last_id: lastId }))
    .execute();
}
