import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import { OpenSegment } from '../../audit-rows.ts';
import type { AuditRow, ObservedConnection } from '../../audit-rows.ts';
import { chainStart, segmentHash } from '../chain.ts';
import type { Schema } from '../schema.ts';

/** Events in a segment at most, and read at once. */
const eventsAtOnce = 1024;

/** Moves the rows of `events`, as migrations 1 and 2 made it, into segments, and drops it. */
export async function convertEvents(db: Transaction<Schema>): Promise<void> {
  let hash = chainStart;
  let lastId = 0;
  for (;;) {
    const { rows } = await sql<OldEvent>`
      select * from events where id > ${lastId} order by id limit ${eventsAtOnce}
    `.execute(db);
    if (rows.length === 0) break;
    for (const run of runsOf(rows)) {
      const [first] = run;
      lastId = first.id + run.length - 1;
      const open = new OpenSegment({ teamId: first.team_id, sandboxId: first.sandbox_id });
      for (const event of run) open.push(rowOf(event, open.numberOf(event.secret_id)));
      const { teamId, sandboxId, secretIds: ids, traits, rows: text } = open.close();
      const secretIds = JSON.stringify(ids);
      hash = segmentHash(hash, { firstId: first.id, lastId, teamId, sandboxId, traits, secretIds, rows: text });
      await sql`
        insert into audit_segments (last_id, first_id, team_id, sandbox_id, traits, secret_ids, hash, rows)
        values (${lastId}, ${first.id}, ${teamId}, ${sandboxId}, ${traits}, ${secretIds}, ${hash}, ${text})
      `.execute(db);
      const owners = sql.join([...new Set([first.sandbox_id, ...ids])].map((owner) => sql`(${owner}, ${lastId})`));
      await sql`insert into audit_owners (owner, last_id) values ${owners}`.execute(db);
    }
  }
  await sql`
    insert into audit_head (one, last_id, hash, indexed_to, waiting) values (1, ${lastId}, ${hash}, ${lastId}, 0)
  `.execute(db);
  await sql`drop table events`.execute(db);
}

interface OldEvent {
  id: number;
  kind: 'request' | 'connection';
  ts: number;
  team_id: string;
  sandbox_id: string;
  secret_id: string | null;
  host: string;
  method: string | null;
  path: string | null;
  status: number | null;
  upstream_status: number | null;
  latency_ms: number | null;
  error_code: string | null;
  dst_ip: string | null;
  dst_port: number | null;
  verdict: ObservedConnection['verdict'] | null;
  match_rule: string | null;
  bytes_sent: number | null;
  bytes_recv: number | null;
}

type Run = [OldEvent, ...OldEvent[]];

/** Events of one sandbox whose ids follow each other. */
function runsOf(events: readonly OldEvent[]): Run[] {
  const runs: Run[] = [];
  let run: Run | null = null;
  for (const event of events) {
    const [first] = run ?? [];
    if (
      run !== null &&
      first !== undefined &&
      first.sandbox_id === event.sandbox_id &&
      first.team_id === event.team_id &&
      first.id + run.length === event.id
    ) {
      run.push(event);
    } else {
      run = [event];
      runs.push(run);
    }
  }
  return runs;
}

function rowOf(event: OldEvent, secret: number | null): AuditRow {
  const { kind, ts, host } = event;
  if (kind === 'connection') {
    const { dst_ip: ip, dst_port: port, verdict, match_rule: rule, bytes_sent: sent, bytes_recv: received } = event;
    return [kind, ts, secret, host, ip, port, verdict, rule, sent, received];
  }
  const { method, path, status, upstream_status: upstream, latency_ms: took, error_code: code } = event;
  return [kind, ts, secret, host, method, path, status, upstream, took, code];
}
