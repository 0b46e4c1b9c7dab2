import type { Asked } from './ledger.ts';
import type { SegmentText } from './database.ts';
import { readPath } from './behaviours.ts';
import type { Findings } from './violations.ts';

/** Times of the machine's one clock, milliseconds; between them events may be missing. */
export interface Gap {
  from: number;
  to: number;
}

export interface AuditAccount {
  events: number;
  /** Requests that a client saw answered, or refused for its stand-in: each must be there. */
  expected: number;
  found: number;
  /** Missing, in a time that a gap names. */
  inGaps: number;
  /** Missing, and nothing says so. */
  lost: number;
  /** Events beyond the first of one request. */
  repeated: number;
  gaps: number;
}

/** A client notices an end some time after the worker has, on a machine that is busy. */
const noticeMs = 1_000;

/** Holds what clients saw against what the trail has. */
export async function accountFor(
  asked: readonly Asked[],
  segments: AsyncIterable<SegmentText>,
  { findings, killedAt }: { findings: Findings; killedAt: readonly number[] },
): Promise<AuditAccount> {
  const times = new Uint16Array(asked.length);
  const gaps: Gap[] = [];
  let events = 0;
  for await (const { rows } of segments) {
    for (const row of rowsOf(rows)) {
      events += 1;
      if (row[0] === 'gap') gaps.push({ from: Number(row[2]), to: Number(row[3]) });
      const number = row[0] === 'exchange' || row[0] === 'request' ? readPath(String(row[5]))?.number : undefined;
      if (number !== undefined && number < times.length) times[number] = (times[number] ?? 0) + 1;
    }
  }
  const account = { events, expected: 0, found: 0, inGaps: 0, lost: 0, repeated: 0, gaps: gaps.length };
  for (const [number, entry] of asked.entries()) {
    const count = times[number] ?? 0;
    account.repeated += Math.max(0, count - 1);
    if (!mustBeThere(entry)) continue;
    account.expected += 1;
    if (count > 0) account.found += 1;
    else if (gaps.some(({ from, to }) => from - noticeMs <= entry.endedAt && entry.endedAt <= to + noticeMs)) {
      account.inGaps += 1;
    } else {
      account.lost += 1;
      findings.violate('audit_lost', `request ${number} (${entry.kind}), ${whenEnded(entry, killedAt)}`);
    }
  }
  findings.checked('audit_lost', account.expected);
  return account;
}

function mustBeThere({ outcome, code }: Asked): boolean {
  return outcome === 'answered' || (outcome === 'refused' && code?.startsWith('credential_') === true);
}

function whenEnded({ endedAt }: Asked, killedAt: readonly number[]): string {
  const nearest = killedAt.toSorted((a, b) => Math.abs(endedAt - a) - Math.abs(endedAt - b))[0];
  const when = `ended ${new Date(endedAt).toISOString()}`;
  return nearest === undefined ? when : `${when}, ${endedAt - nearest} ms after the server's nearest SIGKILL`;
}

function rowsOf(text: string): unknown[][] {
  const rows: unknown = JSON.parse(text);
  return Array.isArray(rows) ? rows.filter((row) => Array.isArray(row)) : [];
}
