import type { ForeignStandIn, ObservedEvent, SeenTripwire } from '../audit-rows.ts';
import type { BindingRecord, SecretRecord } from '../store/store.ts';
import type { VaultDeps } from './deps.ts';

/** A stand-in's binding, live or not, and its secret. */
export interface Owner {
  binding: BindingRecord;
  secret: SecretRecord;
}

/** A tripwire event, and the name of its secret. */
export interface Tripped {
  seen: SeenTripwire;
  /** Null: `foreign`. */
  secretName: string | null;
}

export interface Tripwires {
  /**
   * What these requests tripped. Bindings whose secret says `revoke` are detached when it resolves, and every worker has
   * forgotten them; rejects where one may not have heard. May be called again with the same.
   */
  trip(events: readonly ObservedEvent[], owners: ReadonlyMap<string, Owner>): Promise<Tripped[]>;
  /** Puts a line into the log for each, within bounds. Once they are durable. */
  tell(tripped: readonly Tripped[]): void;
}

/** Lines in the log for one sandbox in a period: a flood is in the audit trail. */
const linesAtOnce = 10;
const periodMs = 10_000;
const sandboxesCounted = 1024;

/** A stand-in seen where it must not be is an event of its own: docs/adr/0034. */
export function createTripwires({
  store,
  changed,
  logger,
  now,
}: Pick<VaultDeps, 'store' | 'changed' | 'logger' | 'now'>): Tripwires {
  /** Sandboxes that lost a binding of which the workers may not have heard. */
  const untold = new Set<string>();
  const lines = new Map<string, { since: number; count: number }>();

  async function revoke(owners: readonly Owner[]): Promise<void> {
    for (const { binding } of owners) {
      if (await store.bindings.detachBinding(binding.id, now())) untold.add(binding.sandboxId);
    }
    if (untold.size === 0) return;
    const sandboxIds = [...untold];
    await changed(sandboxIds);
    for (const id of sandboxIds) untold.delete(id);
  }

  /** Whether another line is due for a sandbox; `left` is how many were left out before it. */
  function mayTell(sandboxId: string): { left: number } | null {
    const at = now().getTime();
    const known = lines.get(sandboxId);
    if (known !== undefined && Math.abs(at - known.since) < periodMs) {
      known.count += 1;
      return known.count > linesAtOnce ? null : { left: 0 };
    }
    if (lines.size >= sandboxesCounted) lines.clear();
    lines.set(sandboxId, { since: at, count: 1 });
    return { left: Math.max(0, (known?.count ?? 0) - linesAtOnce) };
  }

  return {
    async trip(events, owners) {
      const wanted = new Set<Owner>();
      const tripped: Tripped[] = [];
      for (const event of events) {
        for (const found of event.request?.foreign ?? []) {
          const owner = owners.get(found.fingerprint);
          if (owner?.secret.onTripwire === 'revoke') wanted.add(owner);
          tripped.push(...whoseEvents(event, found, owner));
        }
      }
      await revoke([...wanted]);
      return tripped;
    },

    tell(tripped) {
      for (const { seen, secretName } of tripped) {
        const due = mayTell(seen.sandboxId);
        if (due === null) continue;
        const { sandboxId: sandbox, teamId: team, host, slot, standIn, action, errorCode: code } = seen;
        logger.warn(
          { sandbox, team, secret: secretName, host, slot, standIn, action, code, ...(due.left > 0 ? due : {}) },
          'tripwire: a stand-in was seen where it must not be',
        );
      }
    },
  };
}

/**
 * One for the sandbox that a stand-in is bound to. Where another one sent it, one for that too, which does not say whose
 * it is: their teams may not be the same.
 */
function whoseEvents(event: ObservedEvent, { slot }: ForeignStandIn, owner: Owner | undefined): Tripped[] {
  const { ts, teamId, sandboxId, host } = event;
  const base = { ts, host, slot };
  const tripped: Tripped[] = [];
  if (owner !== undefined) {
    const { binding, secret } = owner;
    const own = binding.sandboxId === sandboxId;
    const seen: SeenTripwire = {
      ...base,
      teamId: binding.teamId,
      sandboxId: binding.sandboxId,
      secretId: secret.id,
      standIn: own ? 'own' : 'leaked',
      action: secret.onTripwire,
      errorCode: own ? (event.request?.errorCode ?? null) : notBound,
    };
    tripped.push({ seen, secretName: secret.name });
    if (own) return tripped;
  }
  const seen: SeenTripwire = {
    ...base,
    teamId,
    sandboxId,
    secretId: null,
    standIn: 'foreign',
    action: 'alert',
    errorCode: notBound,
  };
  tripped.push({ seen, secretName: null });
  return tripped;
}

const notBound = 'credential_not_bound';
