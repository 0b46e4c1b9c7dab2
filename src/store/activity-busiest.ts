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

interface Stretch {
  at: number;
  seen: ReadonlySet<string>;
}

/** In one statement: each takes three parameters. */
const keysAtOnce = 500;

/**
 * The busiest of each stretch are looked at, twice as many as are asked for; the busiest of all are among them, but for near
 * equals. Then these are counted whole, also where they were not.
 */
export async function busiestEdges(
  read: Reader,
  teamId: string,
  { width, from, to, limit }: ActivityRange & { limit: number },
): Promise<{ edges: ActivityEdge[]; capped: boolean }> {
  const most = limit * 2;
  const sums = new Map<string, Sum>();
  /** Those of which not all was looked at, each with the keys of what was. */
  const partly: Stretch[] = [];
  for (let at = floor(from.getTime(), width); at < to.getTime(); at += width * 1000) {
    const rows = await read
      .selectFrom('activity_edges')
      .select(['sandbox_id', 'secret_id', 'host', 'requests', 'refusals'])
      .where('team_id', '=', teamId)
      .where('width', '=', sql.lit(width))
      .where('at', '=', at)
      .orderBy('requests', 'desc')
      .limit(most + 1)
      .execute();
    if (rows.length > most) partly.push({ at, seen: new Set(rows.map(keyOf)) });
    for (const row of rows) add(sums, row);
  }
  const chosen = [...sums.values()].toSorted(busier).slice(0, limit);
  for (const row of await unseen(read, { teamId, width, partly, chosen })) add(sums, row);
  const names = await namesOf(read, [...new Set(chosen.map((each) => each.sandbox_id))]);
  const edges = chosen.toSorted(busier).map((each) => ({
    sandboxId: each.sandbox_id,
    sandboxName: names.get(each.sandbox_id) ?? null,
    secretId: each.secret_id === '' ? null : each.secret_id,
    host: each.host,
    requests: each.requests,
    refusals: each.refusals,
  }));
  return { edges, capped: partly.length > 0 || sums.size > limit };
}

/** What the chosen come to where they were not among the busiest. */
async function unseen(
  read: Reader,
  { teamId, width, partly, chosen }: { teamId: string; width: number; partly: Stretch[]; chosen: readonly Sum[] },
): Promise<Sum[]> {
  const wanted = partly.flatMap(({ at, seen }) =>
    chosen.filter((each) => !seen.has(keyOf(each))).map((edge) => ({ at, edge })),
  );
  const found: Sum[] = [];
  for (let start = 0; start < wanted.length; start += keysAtOnce) {
    const keys = wanted
      .slice(start, start + keysAtOnce)
      .map(({ at, edge }) => sql`(${sql.lit(at)}, ${edge.sandbox_id}, ${edge.secret_id}, ${edge.host})`);
    // `at` is a column of what is joined: of a constant that is later than its statistics PostgreSQL expects no rows, and
    // would read the whole stretch.
    const { rows } = await sql<Sum>`
      with wanted (at, sandbox_id, secret_id, host) as (values ${sql.join(keys)})
      select w.sandbox_id, w.secret_id, w.host, e.requests, e.refusals
      from wanted w cross join activity_edges e
      where e.team_id = ${teamId} and e.width = ${sql.lit(width)} and e.at = w.at
        and e.sandbox_id = w.sandbox_id and e.secret_id = w.secret_id and e.host = w.host
    `.execute(read);
    found.push(...rows);
  }
  return found;
}

function add(sums: Map<string, Sum>, row: Sum): void {
  const key = keyOf(row);
  const known = sums.get(key);
  if (known === undefined) {
    sums.set(key, { ...row });
    return;
  }
  known.requests += row.requests;
  known.refusals += row.refusals;
}

function keyOf(row: Sum): string {
  return `${row.sandbox_id} ${row.secret_id} ${row.host}`;
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
