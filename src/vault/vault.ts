import { bootstrap, createAccess } from './access.ts';
import { createActivity } from './activity.ts';
import { createAudit, createRecorder, recordGap } from './audit.ts';
import { createChecks, Passing } from './checks.ts';
import type { VaultDeps } from './deps.ts';
import { LastUses } from './last-uses.ts';
import { createFleet, reconcile } from './fleet.ts';
import { createLifecycle } from './lifecycle.ts';
import { openSecret } from './open-secret.ts';
import { providerViews } from './providers/catalogue.ts';
import { createPreviews } from './previews.ts';
import { createRequests } from './requests.ts';
import { RollUp } from './roll-up.ts';
import { createSandboxes } from './sandboxes.ts';
import { createSecretList } from './secret-list.ts';
import { createSecrets } from './secrets.ts';
import { createSessions } from './sessions.ts';
import { takeSnapshot } from './snapshot.ts';
import type { VaultSystem } from './types.ts';
import { createWebhooks } from './webhooks.ts';

/** The domain over a store, an envelope and drivers. It reads no environment, opens no socket and starts no timer. */
export function createVault(deps: VaultDeps): VaultSystem {
  const fleet = createFleet(deps);
  const lifecycle = createLifecycle(deps, fleet);
  const lastUses = new LastUses({ secrets: deps.store.secrets, logger: deps.logger });
  const access = createAccess(deps);
  const rollUp = new RollUp(deps.store);
  const passing = new Passing();
  return {
    access,
    sessions: createSessions(deps, access),
    secrets: createSecrets(deps),
    secretList: createSecretList(deps, rollUp),
    checks: createChecks(deps, passing),
    requests: createRequests(deps),
    activity: createActivity(deps, rollUp),
    caPem: () => deps.network.caPem,
    rollUp: () => rollUp.step(),
    sandboxes: createSandboxes(deps, fleet, lifecycle),
    previews: createPreviews(deps, fleet),
    lifetimes: {
      sweep: () => lifecycle.sweep(),
      next: () => deps.store.sandboxes.nextDue(deps.server),
      reconcile: (ids) => reconcile(deps, fleet, ids),
    },
    providers: providerViews,
    audit: createAudit(deps),
    webhooks: createWebhooks(deps),
    bootstrap: (apiKey, keep) => bootstrap(deps, apiKey, keep),
    recover: () => fleet.recover(),
    egress: {
      snapshot: async (sandboxId) => passing.get(sandboxId) ?? (await takeSnapshot(deps.store, sandboxId)),
      openSecret: (ask) => openSecret(deps, ask, passing),
      record: createRecorder(deps, lastUses),
      settle: () => lastUses.settle(),
      recordGap: (gap) => recordGap(deps, gap),
    },
  };
}
