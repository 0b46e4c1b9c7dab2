import type { EventRecord, Store, StoredEvent } from '../store/store.ts';
import type { AuditEventView } from './types.ts';

/** Something that the egress proxy did. The egress's `EgressEvent`, in structure. */
export interface ObservedEvent {
  kind: 'request' | 'connection';
  /** Milliseconds since the epoch. */
  ts: number;
  sandboxId: string;
  teamId: string;
  host: string;
  request?: {
    method: string;
    path: string;
    status: number;
    upstreamStatus: number | null;
    latencyMs: number;
    errorCode: string | null;
    secretIds: readonly string[];
    foreign: readonly string[];
  };
  connection?: {
    dstIp: string | null;
    dstPort: number;
    verdict: 'allowed' | 'blocked' | 'failed';
    matchRule: string | null;
    bytesSent: number;
    bytesRecv: number;
  };
}

/** Stand-ins of others that one request may have looked up: enough to tell of a leak, too few to burden the store. */
const foreignLimit = 8;

/**
 * Keeps what the proxy did; resolves when it is durable. A request has a row for each secret it named, one row without
 * a secret where it named none. `last_used_at` moves where a value really went out.
 */
export async function recordEvents(store: Store, events: readonly ObservedEvent[]): Promise<void> {
  const owners = await ownersOf(store, events);
  const rows: EventRecord[] = [];
  const lastUse = new Map<string, number>();
  for (const event of events) {
    const { request } = event;
    const foreign = (request?.foreign.slice(0, foreignLimit) ?? []).map((each) => owners.get(each));
    const related = foreign.filter((each) => each?.teamId === event.teamId).map((each) => each?.secretId);
    const secretIds = [...new Set([...(request?.secretIds ?? []), ...related])].filter((id) => id !== undefined);
    for (const secretId of secretIds.length === 0 ? [null] : secretIds) rows.push(rowOf(event, secretId));
    if (request === undefined || (request.errorCode !== null && request.upstreamStatus === null)) continue;
    for (const id of request.secretIds) lastUse.set(id, Math.max(event.ts, lastUse.get(id) ?? 0));
  }
  // The touch first: it may be repeated, and rows may not, should the batch come again.
  const uses = [...lastUse].map(([id, ts]) => ({ id, at: new Date(ts) }));
  if (uses.length > 0) await store.secrets.touch(uses);
  if (rows.length > 0) await store.events.append(rows);
}

/** Whose stand-ins the foreign ones are. Another team's stay unknown to this team's audit. */
async function ownersOf(
  store: Store,
  events: readonly ObservedEvent[],
): Promise<Map<string, { teamId: string; secretId: string }>> {
  const fingerprints = new Set(events.flatMap((event) => event.request?.foreign.slice(0, foreignLimit) ?? []));
  const owners = new Map<string, { teamId: string; secretId: string }>();
  for (const fingerprint of fingerprints) {
    const binding = await store.bindings.byFingerprint(fingerprint);
    if (binding !== null) owners.set(fingerprint, { teamId: binding.teamId, secretId: binding.secretId });
  }
  return owners;
}

function rowOf(
  { kind, ts, teamId, sandboxId, host, request, connection }: ObservedEvent,
  secretId: string | null,
): EventRecord {
  return {
    kind,
    ts: new Date(ts),
    teamId,
    sandboxId,
    secretId,
    host: host.slice(0, 255),
    method: request === undefined ? null : request.method.slice(0, 64),
    path: request === undefined ? null : withoutQuery(request.path).slice(0, 2048),
    status: request?.status ?? null,
    upstreamStatus: request?.upstreamStatus ?? null,
    latencyMs: request === undefined ? null : Math.round(request.latencyMs),
    errorCode: request?.errorCode ?? null,
    dstIp: connection?.dstIp ?? null,
    dstPort: connection?.dstPort ?? null,
    verdict: connection?.verdict ?? null,
    matchRule: connection?.matchRule ?? null,
    bytesSent: connection?.bytesSent ?? null,
    bytesRecv: connection?.bytesRecv ?? null,
  };
}

/** A query may hold a credential. */
function withoutQuery(path: string): string {
  return path.split('?', 1)[0] ?? '';
}

export function auditView(event: StoredEvent): AuditEventView {
  const { id, ts, sandboxId, sandboxName, secretId, method, host, path } = event;
  const { status, upstreamStatus, latencyMs, errorCode } = event;
  return { id, ts, sandboxId, sandboxName, secretId, method, host, path, status, upstreamStatus, latencyMs, errorCode };
}
