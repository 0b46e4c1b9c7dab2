import { sql } from 'kysely';
import { floor } from './activity-sums.ts';
import type { Database } from './database.ts';
import type { ActivityEdge, ActivityRange } from './trail.ts';

type Reader = Database['read'];

interface Sum {
  sandbox_id: string;
  secret_id: string;
  host: string;
  requests: number;
  refusals: number;
}

/**
 * The busiest of each stretch are looked at, twice as many as are asked for; the busiest of all are among them, but for near
 * equals. Then these are counted whole.
 */
export async function busiestEdges(
  read: Reader,
  teamId: string,
  { width, from, to, limit }: ActivityRange & { limit: number },
): Promise<{ edges: ActivityEdge[]; capped: boolean }> {
  const most = limit * 2;
  const sums = new Map<string, Sum>();
  let whole = true;
  const stretches: number[] = [];
  for (let at = floor(from.getTime(), width); at < to.getTime(); at += width * 1000) stretches.push(at);
  const busiest = stretches.map((at) =>
    read
      .selectFrom('activity_edges')
      .select(['sandbox_id', 'secret_id', 'host', 'requests', 'refusals'])
      .where('team_id', '=', teamId)
      .where('width', '=', sql.lit(width))
      .where('at', '=', at)
      .orderBy('requests', 'desc')
      .limit(most + 1)
      .execute(),
  );
  for (const rows of await Promise.all(busiest)) {
    whole &&= rows.length <= most;
    for (const row of rows) add(sums, row);
  }
  const chosen = [...sums.values()].toSorted(busier).slice(0, limit);
  const exact = whole || chosen.length === 0 ? chosen : await counted(read, { teamId, width, stretches, chosen });
  const names = await namesOf(read, [...new Set(exact.map((each) => each.sandbox_id))]);
  const edges = exact.toSorted(busier).map((each) => ({
    sandboxId: each.sandbox_id,
    sandboxName: names.get(each.sandbox_id) ?? null,
    secretId: each.secret_id === '' ? null : each.secret_id,
    host: each.host,
    requests: each.requests,
    refusals: each.refusals,
  }));
  return { edges, capped: !whole || sums.size > limit };
}

async function counted(
  read: Reader,
  { teamId, width, stretches, chosen }: { teamId: string; width: number; stretches: number[]; chosen: readonly Sum[] },
): Promise<Sum[]> {
  const keys = sql.join(chosen.map((each) => sql`(${each.sandbox_id}, ${each.secret_id}, ${each.host})`));
  const { rows } = await sql<Sum>`
    with wanted (sandbox_id, secret_id, host) as (values ${keys})
    select w.sandbox_id, w.secret_id, w.host,
      cast(sum(e.requests) as bigint) as requests, cast(sum(e.refusals) as bigint) as refusals
    from wanted w cross join activity_edges e
    where e.team_id = ${teamId} and e.width = ${sql.lit(width)} and e.at in (${sql.join(stretches.map((at) => sql.lit(at)))})
      and e.sandbox_id = w.sandbox_id and e.secret_id = w.secret_id and e.host = w.host
    group by w.sandbox_id, w.secret_id, w.host
  `.execute(read);
  return rows;
}

function add(sums: Map<string, Sum>, row: Sum): void {
  const key = `${row.sandbox_id} ${row.secret_id} ${row.host}`;
  const known = sums.get(key);
  if (known === undefined) {
    sums.set(key, { ...row });
    return;
  }
  known.requests += row.requests;
  known.refusals += row.refusals;
}

function busier(a: Sum, b: Sum): number {
  return b.requests - a.requests || (a.host < b.host ? -1 : 1);
}

async function namesOf(read: Reader, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await read
    .selectFrom('sandboxes')
    .select(['id', 'name'])
    .where('id', 'in', ids)
    .where('deleted_at', 'is', null)
    .execute();
  return new Map(rows.map((row) => [row.id, row.name]));
}
