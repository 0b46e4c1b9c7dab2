import type { AuditRow, ExchangeFacts } from '../audit-rows.ts';
import type { SegmentRow } from './schema.ts';
import type { EventRecord, ExchangeDetails, GapRecord } from './trail.ts';

type Content = Pick<SegmentRow, 'first_id' | 'last_id' | 'team_id' | 'sandbox_id' | 'secret_ids' | 'rows'>;

/** What a segment holds, read once; its events are made one by one. */
export class SegmentReader {
  readonly #segment: Content;
  readonly #secretIds: readonly string[];
  readonly #rows: readonly AuditRow[];

  /** Throws SyntaxError where what is kept is no JSON: it was edited. */
  constructor(segment: Content) {
    this.#segment = segment;
    this.#secretIds = JSON.parse(segment.secret_ids);
    this.#rows = JSON.parse(segment.rows);
  }

  /** How many rows there are. Where nobody edited the segment, as many as it has ids. */
  get count(): number {
    return this.#rows.length;
  }

  /** The event with that id, or null where it is none of a sandbox. */
  event(id: number): (EventRecord & { id: number }) | null {
    const { first_id: firstId, team_id: teamId, sandbox_id: sandboxId } = this.#segment;
    const row = this.#rows[id - firstId];
    if (row === undefined || row[0] === 'gap' || teamId === null || sandboxId === null) return null;
    const [, ts, secret, host] = row;
    const secretId = secret === null ? null : (this.#secretIds[secret] ?? null);
    const base = { id, ts: new Date(ts), teamId, sandboxId, secretId, host };
    if (row[0] === 'request' || row[0] === 'exchange') {
      const [, , , , method, path, status, upstreamStatus, latencyMs, errorCode] = row;
      return {
        ...base,
        kind: 'request',
        method,
        path,
        status,
        upstreamStatus,
        latencyMs,
        errorCode,
        ...noConnection,
        tripwire: null,
      };
    }
    if (row[0] === 'tripwire') {
      const [kind, , , , slot, standIn, action, errorCode] = row;
      return { ...base, kind, ...noRequest, ...noConnection, errorCode, tripwire: { standIn, slot, action } };
    }
    const [kind, , , , dstIp, dstPort, verdict, matchRule, bytesSent, bytesRecv] = row;
    return { ...base, kind, ...noRequest, dstIp, dstPort, verdict, matchRule, bytesSent, bytesRecv, tripwire: null };
  }

  /** What is known of how a request went; null: it is none, or of before this was put down. */
  details(id: number): ExchangeDetails | null {
    const row = this.#rows[id - this.#segment.first_id];
    if (row?.[0] !== 'exchange') return null;
    const [, , , , , , , , , , facts, steps, scrubbed] = row;
    return { facts: this.#factsOf(facts), steps, scrubbed: scrubbed ?? null };
  }

  /** Whether it is of the same request as the event before it, for another of its secrets. */
  repeats(id: number): boolean {
    const index = id - this.#segment.first_id;
    const [row, before] = [this.#rows[index], this.#rows[index - 1]];
    if (row === undefined || before === undefined) return false;
    if (row[0] === 'exchange') return row[11] === null;
    return row[0] === 'request' && before[0] === 'request' && row[2] !== before[2] && alike(row, before);
  }

  #factsOf(facts: ExchangeFacts | number | null): ExchangeFacts | null {
    if (typeof facts !== 'number') return facts;
    const row = this.#rows[facts];
    const found = row?.[0] === 'exchange' ? row[10] : null;
    return typeof found === 'number' ? null : found;
  }

  /** Every gap in it, oldest first. */
  gaps(): GapRecord[] {
    const gaps: GapRecord[] = [];
    for (const [index, row] of this.#rows.entries()) {
      if (row[0] !== 'gap') continue;
      const [, ts, from, to, lost] = row;
      gaps.push({
        id: this.#segment.first_id + index,
        ts: new Date(ts),
        from: new Date(from),
        to: new Date(to),
        lost,
      });
    }
    return gaps;
  }
}

/** Rows of one request differ in their secret alone. */
function alike(row: AuditRow, before: AuditRow): boolean {
  return row[2] !== null && row.every((each, index) => index === 2 || each === before[index]);
}

const noConnection = {
  dstIp: null,
  dstPort: null,
  verdict: null,
  matchRule: null,
  bytesSent: null,
  bytesRecv: null,
} as const;

const noRequest = {
  method: null,
  path: null,
  status: null,
  upstreamStatus: null,
  latencyMs: null,
  errorCode: null,
} as const;
