import { auditRow } from '../audit-rows.ts';
import type { AuditBatch, AuditRow, ObservedEvent } from '../audit-rows.ts';
import type { Store, StoredEvent } from '../store/store.ts';
import type { AuditEventView } from './types.ts';

/** Stand-ins of others that one request may have looked up: enough to tell of a leak, too few to burden the store. */
const foreignLimit = 8;

/**
 * Keeps what the proxy did; resolves when it is durable. A request has a row for each secret it named, one row without
 * a secret where it named none. `last_used_at` moves where a value really went out.
 */
export async function recordEvents(store: Store, batches: readonly AuditBatch[]): Promise<void> {
  const lastUse = new Map<string, number>();
  for (const { uses } of batches) {
    for (const [id, ts] of uses) lastUse.set(id, Math.max(ts, lastUse.get(id) ?? 0));
  }
  const strays = await strayRows(
    store,
    batches.flatMap((batch) => batch.strays),
  );
  // The touch first: it may be repeated, and rows may not, should the batches come again.
  const uses = [...lastUse].map(([id, ts]) => ({ id, at: new Date(ts) }));
  if (uses.length > 0) await store.secrets.touch(uses);
  await store.events.append([...batches.map(({ rows }) => rows), JSON.stringify(strays)]);
}

/** Rows of requests that carried stand-ins of others: for their own secrets, and for those of the team that leaked. */
async function strayRows(store: Store, events: readonly ObservedEvent[]): Promise<AuditRow[]> {
  if (events.length === 0) return [];
  const owners = await ownersOf(store, events);
  return events.flatMap((event) => {
    const foreign = (event.request?.foreign.slice(0, foreignLimit) ?? []).map((each) => owners.get(each));
    const related = foreign.filter((each) => each?.teamId === event.teamId).map((each) => each?.secretId);
    const secretIds = [...new Set([...(event.request?.secretIds ?? []), ...related])].filter((id) => id !== undefined);
    return (secretIds.length === 0 ? [null] : secretIds).map((secretId) => auditRow(event, secretId));
  });
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

export function auditView(event: StoredEvent): AuditEventView {
  const { id, ts, sandboxId, sandboxName, secretId, method, host, path } = event;
  const { status, upstreamStatus, latencyMs, errorCode } = event;
  return { id, ts, sandboxId, sandboxName, secretId, method, host, path, status, upstreamStatus, latencyMs, errorCode };
}
