import { OpenSegment, SegmentGroup } from '../audit-rows.ts';
import type { AuditBatch, AuditSegment, ObservedEvent } from '../audit-rows.ts';
import { StandinError } from '../errors.ts';
import type { Store, StoredEvent } from '../store/store.ts';
import type { VaultDeps } from './deps.ts';
import type { AuditEventView, AuditGap, AuditService } from './types.ts';

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
  const strays = await straySegments(
    store,
    batches.flatMap((batch) => batch.strays),
  );
  // The touch first: it may be repeated, and rows may not, should the batches come again.
  const uses = [...lastUse].map(([id, ts]) => ({ id, at: new Date(ts) }));
  if (uses.length > 0) await store.secrets.touch(uses);
  await store.events.append([...batches.flatMap(({ segments }) => segments), ...strays]);
}

/** Rows of requests that carried stand-ins of others: for their own secrets, and for those of the team that leaked. */
async function straySegments(store: Store, events: readonly ObservedEvent[]): Promise<AuditSegment[]> {
  if (events.length === 0) return [];
  const owners = await ownersOf(store, events);
  const group = new SegmentGroup();
  for (const event of events) {
    const foreign = (event.request?.foreign.slice(0, foreignLimit) ?? []).map((each) => owners.get(each));
    const related = foreign.filter((each) => each?.teamId === event.teamId).map((each) => each?.secretId);
    const secretIds = [...new Set([...(event.request?.secretIds ?? []), ...related])].filter((id) => id !== undefined);
    for (const secretId of secretIds.length === 0 ? [null] : secretIds) group.add(event, secretId);
  }
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
