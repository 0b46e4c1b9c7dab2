import { OpenSegment, SegmentGroup } from '../audit-rows.ts';
import type { AuditBatch, AuditSegment, ObservedEvent } from '../audit-rows.ts';
import { StandinError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { StoredEvent } from '../store/trail.ts';
import type { VaultDeps } from './deps.ts';
import type { LastUses } from './last-uses.ts';
import { createTripwires } from './tripwire.ts';
import type { Owner, Tripped } from './tripwire.ts';
import { createNotifier } from './webhooks.ts';
import type { AuditEventView, AuditGap, AuditService } from './types.ts';

/**
 * Keeps what the proxy did; resolves when it is durable. A request has a row for each secret it named, one row without
 * a secret where it named none, and one for each tripwire that it tripped. `last_used_at` moves where a value really
 * went out.
 */
export function createRecorder(deps: VaultDeps, lastUses: LastUses): (batches: readonly AuditBatch[]) => Promise<void> {
  const { store } = deps;
  const tripwires = createTripwires(deps);
  const notify = createNotifier(deps);
  return async (batches) => {
    const strays = batches.flatMap((batch) => batch.strays);
    const owners = await ownersOf(store, strays);
    const tripped = strays.length === 0 ? [] : await tripwires.trip(strays, owners);
    // The touch first: it may be repeated, and rows may not, should the batches come again.
    await lastUses.note(batches.flatMap(({ uses }) => uses));
    const segments = batches.flatMap((batch) => batch.segments);
    // Before the trail, which may not be written twice: an event may be sent twice, and is never lost.
    if (tripped.length > 0) await notify(tripped);
    await store.events.append([...segments, ...straySegments(strays, owners, tripped)]);
    tripwires.tell(tripped);
  };
}

/** Rows of requests with stand-ins out of place: for their own secrets, and for those of the team that leaked. */
function straySegments(
  events: readonly ObservedEvent[],
  owners: ReadonlyMap<string, Owner>,
  tripped: readonly Tripped[],
): AuditSegment[] {
  const group = new SegmentGroup();
  for (const event of events) {
    const found = (event.request?.foreign ?? []).map(({ fingerprint }) => owners.get(fingerprint)?.secret);
    const related = found.filter((secret) => secret?.teamId === event.teamId).map((secret) => secret?.id);
    const secretIds = [...new Set([...(event.request?.secretIds ?? []), ...related])].filter((id) => id !== undefined);
    for (const secretId of secretIds.length === 0 ? [null] : secretIds) group.add(event, secretId);
  }
  for (const { seen } of tripped) group.addTripwire(seen);
  return group.take();
}

/** Puts down that events may be missing; resolves when that is durable. It is no sandbox's and no team's. */
export async function recordGap({ store, now }: Pick<VaultDeps, 'store' | 'now'>, gap: AuditGap): Promise<void> {
  const open = new OpenSegment({ teamId: null, sandboxId: null });
  open.push(['gap', now().getTime(), gap.from.getTime(), gap.to.getTime(), gap.lost]);
  await store.events.append([open.close()]);
}

/** Operator keys only: the trail is one for all teams. */
export function createAudit({ store }: Pick<VaultDeps, 'store'>): AuditService {
  return {
    async verify(caller, options) {
      if (!caller.operator) throw new StandinError('forbidden', 'the audit trail is verified with an operator key');
      return store.events.verify(options);
    },
  };
}

/** Whose the stand-ins out of place are. */
function ownersOf(store: Store, events: readonly ObservedEvent[]): Promise<Map<string, Owner>> {
  const found = events.flatMap((event) => event.request?.foreign ?? []);
  return store.bindings.byFingerprints([...new Set(found.map(({ fingerprint }) => fingerprint))]);
}

export function auditView(event: StoredEvent): AuditEventView {
  const { id, ts, sandboxId, sandboxName, secretId, method, host, path } = event;
  const { status, upstreamStatus, latencyMs, errorCode, tripwire } = event;
  return {
    id,
    ts,
    sandboxId,
    sandboxName,
    secretId,
    method,
    host,
    path,
    status,
    upstreamStatus,
    latencyMs,
    errorCode,
    tripwire,
  };
}
