import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ObservedEvent } from '../../../src/audit-rows.ts';
import { auditBatch } from '../../../src/egress/audit-queue.ts';
import { createLogger } from '../../../src/log.ts';
import { coreFingerprint, findCores } from '../../../src/stand-in.ts';
import type { VaultDeps } from '../../../src/vault/deps.ts';
import { createSandbox, otherTeam, startVault, storeSecret } from './harness.ts';
import type { Harness } from './harness.ts';

interface Scene extends Harness {
  sandboxId: string;
  fingerprint: string;
  /** A refused request with the sandbox's stand-in, sent by it or by another. */
  seen: (by?: { teamId: string; sandboxId: string }) => ObservedEvent;
}

async function scene(t: Parameters<typeof startVault>[0], overrides: Partial<VaultDeps> = {}): Promise<Scene> {
  const harness = await startVault(t, overrides);
  await storeSecret(harness, 'KEY');
  const { sandbox, egress } = await createSandbox(harness, { secrets: { KEY: 'KEY' } });
  const fingerprint = coreFingerprint(findCores(egress.env['KEY'] ?? '')[0]?.core ?? '');
  const own = { teamId: harness.owner.teamId, sandboxId: sandbox.id };
  return {
    ...harness,
    sandboxId: sandbox.id,
    fingerprint,
    seen: (by = own) => ({
      kind: 'request',
      ts: Date.UTC(2026, 0, 3),
      ...by,
      host: 'evil.example.com',
      request: {
        method: 'GET',
        path: '/',
        status: 403,
        upstreamStatus: null,
        latencyMs: 1,
        errorCode: by === own ? 'credential_host_mismatch' : 'credential_not_bound',
        secretIds: [],
        foreign: [{ fingerprint, slot: 'header cookie' }],
      },
    }),
  };
}

const page = { limit: 50, kind: 'tripwire' } as const;

async function boundKeys({ vault, owner, sandboxId }: Scene): Promise<string[]> {
  const { sandbox } = await vault.sandboxes.get(owner, sandboxId);
  return sandbox.secrets.map(({ envKey }) => envKey);
}

it('a stand-in of another team is told of to the team that lost it, and neither learns of the other', async (t) => {
  const all = await scene(t);
  const stranger = await otherTeam(all);
  const { sandbox: theirs } = await all.vault.sandboxes.create(stranger, { name: 'theirs' });
  await all.vault.egress.record([auditBatch([all.seen({ teamId: stranger.teamId, sandboxId: theirs.id })])]);
  const [leaked, ...more] = await all.vault.secrets.audit(all.owner, 'KEY', page);
  assert.deepEqual(more, []);
  assert.deepEqual(
    [leaked?.sandboxId, leaked?.host, leaked?.errorCode, leaked?.tripwire?.standIn],
    [all.sandboxId, 'evil.example.com', 'credential_not_bound', 'leaked'],
  );
  assert.ok(!JSON.stringify(leaked).includes(theirs.id));
  const rows = await all.store.events.bySandbox(theirs.id, { limit: 50 });
  assert.deepEqual(
    rows.map(({ kind, secretId, teamId, tripwire }) => [kind, secretId, teamId, tripwire?.standIn]),
    [
      ['tripwire', null, stranger.teamId, 'foreign'],
      ['request', null, stranger.teamId, undefined],
    ],
  );
  assert.equal((await all.vault.audit.verify({ ...all.owner, operator: true })).broken, null);
});

it('what is revoked is told to the workers, and told again where they may not have heard', async (t) => {
  const told: string[][] = [];
  let reachable = true;
  const all = await scene(t, {
    changed: (ids) => {
      told.push(ids);
      return reachable ? Promise.resolve() : Promise.reject(new Error('a worker may not have heard'));
    },
  });
  await all.vault.secrets.setOnTripwire(all.owner, 'KEY', 'revoke');
  told.length = 0;
  reachable = false;
  await assert.rejects(all.vault.egress.record([auditBatch([all.seen()])]));
  assert.deepEqual(await boundKeys(all), [], 'detached at once');
  assert.deepEqual(await all.vault.secrets.audit(all.owner, 'KEY', page), []);
  reachable = true;
  await all.vault.egress.record([auditBatch([all.seen()])]);
  assert.deepEqual(told, [[all.sandboxId], [all.sandboxId]]);
  assert.equal((await all.vault.secrets.audit(all.owner, 'KEY', page)).length, 1);
  await all.vault.egress.record([auditBatch([all.seen()])]);
  assert.equal(told.length, 2, 'a binding that is gone makes nobody forget again');
});

it('a binding that took the place of the one that was seen is not touched', async (t) => {
  const all = await scene(t);
  await all.vault.secrets.setOnTripwire(all.owner, 'KEY', 'revoke');
  await all.vault.sandboxes.detach(all.owner, all.sandboxId, 'KEY');
  await all.vault.sandboxes.attach(all.owner, all.sandboxId, { envKey: 'KEY', secretName: 'KEY' });
  await all.vault.egress.record([auditBatch([all.seen()])]);
  assert.deepEqual(await boundKeys(all), ['KEY']);
  await all.vault.egress.record([auditBatch([all.seen()])]);
  assert.equal((await all.vault.secrets.audit(all.owner, 'KEY', page))[0]?.tripwire?.action, 'revoke');
});

it('a flood is in the trail whole, and in the log ten times in ten seconds', async (t) => {
  const lines: unknown[] = [];
  const logger = createLogger({ level: 'silent' });
  logger.warn = (...said: unknown[]) => void lines.push(said[0]);
  const all = await scene(t, { logger });
  await all.vault.egress.record([auditBatch(Array.from({ length: 40 }, () => all.seen()))]);
  assert.equal(lines.length, 10);
  assert.equal((await all.vault.secrets.audit(all.owner, 'KEY', page)).length, 40);
  all.clock.now = new Date(all.clock.now.getTime() + 10_000);
  await all.vault.egress.record([auditBatch([all.seen()])]);
  assert.deepEqual(
    lines.slice(10).map((line) => (typeof line === 'object' && line !== null && 'left' in line ? line.left : null)),
    [30],
  );
});
