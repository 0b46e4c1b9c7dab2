/**
 * What the egress proxy tells of what it did, in the forms in which it crosses processes: the workers make the rows, the
 * main process passes them on unread, and the store inserts them.
 */

/** Something that the egress proxy did. */
export interface ObservedEvent {
  kind: 'request' | 'connection';
  /** Milliseconds since the epoch. */
  ts: number;
  sandboxId: string;
  teamId: string;
  host: string;
  request?: ObservedRequest;
  connection?: ObservedConnection;
}

export interface ObservedRequest {
  method: string;
  path: string;
  status: number;
  upstreamStatus: number | null;
  latencyMs: number;
  errorCode: string | null;
  /** One row is kept for each; none: one row without a secret. */
  secretIds: readonly string[];
  /** Fingerprints of stand-ins found that are not this sandbox's own. */
  foreign: readonly string[];
}

export interface ObservedConnection {
  dstIp: string | null;
  dstPort: number;
  verdict: 'allowed' | 'blocked' | 'failed';
  matchRule: string | null;
  bytesSent: number;
  bytesRecv: number;
}

/** A row of the audit trail, in the order of the store's columns. */
export type AuditRow = readonly [
  kind: ObservedEvent['kind'],
  ts: number,
  teamId: string,
  sandboxId: string,
  secretId: string | null,
  host: string,
  method: string | null,
  path: string | null,
  status: number | null,
  upstreamStatus: number | null,
  latencyMs: number | null,
  errorCode: string | null,
  dstIp: string | null,
  dstPort: number | null,
  verdict: ObservedConnection['verdict'] | null,
  matchRule: string | null,
  bytesSent: number | null,
  bytesRecv: number | null,
];

/** Events as a worker hands them over, all of them at once or none. */
export interface AuditBatch {
  /** JSON: an array of `AuditRow`. */
  rows: string;
  /** How many events there are. */
  count: number;
  /** Secrets whose value went out, each with the time of its last use. */
  uses: readonly (readonly [secretId: string, ts: number])[];
  /** Events with stand-ins that are not their sandbox's: whose they are, only the store can tell. */
  strays: readonly ObservedEvent[];
}

const maxHost = 255;
const maxMethod = 64;
const maxPath = 2048;

/** The row of an event for one of its secrets, or for none. A path goes without its query, which may hold a credential. */
export function auditRow(event: ObservedEvent, secretId: string | null): AuditRow {
  const { kind, ts, teamId, sandboxId, request, connection } = event;
  const host = clip(event.host, maxHost);
  if (request !== undefined) {
    const { method, status, upstreamStatus, latencyMs, errorCode } = request;
    const query = request.path.indexOf('?');
    const path = clip(query === -1 ? request.path : request.path.slice(0, query), maxPath);
    const who = clip(method, maxMethod);
    const took = Math.round(latencyMs);
    // prettier-ignore
    return [kind, ts, teamId, sandboxId, secretId, host, who, path, status, upstreamStatus, took, errorCode, null, null, null, null, null, null];
  }
  const { dstIp = null, dstPort = null, verdict = null, matchRule = null } = connection ?? {};
  const { bytesSent = null, bytesRecv = null } = connection ?? {};
  // prettier-ignore
  return [kind, ts, teamId, sandboxId, secretId, host, null, null, null, null, null, null, dstIp, dstPort, verdict, matchRule, bytesSent, bytesRecv];
}

/** Whether a value really went out: the upstream answered, or nothing went wrong. */
export function wasUse({ errorCode, upstreamStatus }: ObservedRequest): boolean {
  return errorCode === null || upstreamStatus !== null;
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length);
}
