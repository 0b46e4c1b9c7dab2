import type { AuditRow } from '../audit-rows.ts';
import type { SegmentRow } from './schema.ts';
import type { EventRecord, GapRecord } from './trail.ts';

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
    if (row[0] === 'request') {
      const [kind, , , , method, path, status, upstreamStatus, latencyMs, errorCode] = row;
      return {
        ...base,
        kind,
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
