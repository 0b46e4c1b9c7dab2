import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { ApiKeyRecord, Store, TeamRecord } from '../../../../src/store/store.ts';
import { after, newSecret, newTeam, noon, openFor, sealed } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

async function newKey(store: Store, team: TeamRecord): Promise<ApiKeyRecord> {
  const key = {
    id: randomUUID(),
    teamId: team.id,
    name: 'a key',
    hash: randomBytes(32).toString('hex'),
    hint: 'sk_standin_abcd',
    operator: false,
    createdAt: noon,
    lastUsedAt: null,
    revokedAt: null,
  };
  await store.apiKeys.insert(key);
  return key;
}

export function sessionSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: sessions`, () => {
    it('are found with their key and team until they are over, ended, or their key is revoked', async (test) => {
      const store = await openFor(test, await freshUrl());
      const team = await newTeam(store);
      const key = await newKey(store, team);
      const session = { hash: 'a'.repeat(64), keyId: key.id, createdAt: noon, expiresAt: after(1000) };
      await store.sessions.insert(session);
      assert.deepEqual(await store.sessions.find(session.hash, noon), { session, key, team });
      assert.equal(await store.sessions.find('b'.repeat(64), noon), null);
      assert.equal(await store.sessions.find(session.hash, after(1000)), null, 'it was over');
      await store.sessions.extend(session.hash, after(5000));
      await store.sessions.extend(session.hash, after(3000));
      const found = await store.sessions.find(session.hash, after(4000));
      assert.deepEqual(found?.session.expiresAt, after(5000), 'its end moves on, and never back');
      await store.apiKeys.revoke(team.id, key.id, after(4000));
      assert.equal(await store.sessions.find(session.hash, after(4000)), null, 'its key was revoked');
      const [first, second] = [
        { ...session, hash: 'c'.repeat(64) },
        { ...session, hash: 'd'.repeat(64) },
      ];
      const other = await newKey(store, team);
      await store.sessions.insert({ ...first, keyId: other.id });
      await store.sessions.insert({ ...second, keyId: other.id, expiresAt: after(9000) });
      await store.sessions.prune(after(1000));
      await store.sessions.remove(second.hash);
      assert.equal(await store.sessions.find(first.hash, noon), null, 'what was over is forgotten');
      assert.equal(await store.sessions.find(second.hash, noon), null, 'it was ended');
    });
  });

  describe(`${kind}: versions and pages of secrets`, () => {
    it('say when each value was stored and replaced, and keep that when the secret is deleted', async (test) => {
      const store = await openFor(test, await freshUrl());
      const secret = await newSecret(store, await newTeam(store));
      await store.secrets.rotate(secret.id, 2, sealed(), after(1000));
      assert.equal(await store.secrets.rotate(secret.id, 2, sealed(), after(2000)), null, 'somebody else was first');
      await store.secrets.rotate(secret.id, 3, sealed(), after(3000));
      await store.secrets.remove(secret.id, after(4000));
      assert.deepEqual(await store.secrets.versions(secret.id), [
        { version: 3, createdAt: after(3000), retiredAt: after(4000) },
        { version: 2, createdAt: after(1000), retiredAt: after(3000) },
        { version: 1, createdAt: noon, retiredAt: after(1000) },
      ]);
    });

    it('show each secret once, whatever they are sorted by, also where many are alike', async (test) => {
      const store = await openFor(test, await freshUrl());
      const team = await newTeam(store);
      const other = await newTeam(store);
      for (let index = 0; index < 23; index++) {
        const name = `key_${String.fromCharCode(97 + index)}`;
        const lastUsedAt = index % 3 === 0 ? null : after(Math.floor(index / 4) * 1000);
        await newSecret(store, team, { name, createdAt: after(Math.floor(index / 5)), lastUsedAt });
      }
      await newSecret(store, other, { name: 'key_a' });
      for (const order of ['name', 'created_at', 'last_used_at'] as const) {
        for (const descending of [true, false]) {
          const names: string[] = [];
          let cursor = null;
          do {
            const page = await store.secrets.page(team.id, {
              limit: 4,
              order,
              descending,
              ...(cursor === null ? {} : { after: cursor }),
            });
            assert.ok(page.secrets.length <= 4);
            names.push(...page.secrets.map(({ name }) => name));
            cursor = page.next;
          } while (cursor !== null);
          assert.equal(names.length, 23, `${order} ${descending}`);
          assert.equal(new Set(names).size, 23);
          if (order === 'name') assert.deepEqual(names, descending ? names.toSorted().toReversed() : names.toSorted());
        }
      }
    });

    it('are searched by part of a name or host and by provider, where a wildcard is a character', async (test) => {
      const store = await openFor(test, await freshUrl());
      const team = await newTeam(store);
      await newSecret(store, team, { name: 'Stripe_live', hosts: ['api.stripe.com'], providerShortcut: 'stripe' });
      await newSecret(store, team, { name: 'plain', hosts: ['api.example.org'] });
      const find = async (search: string) => {
        const page = await store.secrets.page(team.id, { limit: 9, order: 'name', descending: false, search });
        return page.secrets.map(({ name }) => name);
      };
      assert.deepEqual(await find('stripe'), ['Stripe_live']);
      assert.deepEqual(await find('example'), ['plain']);
      assert.deepEqual(await find('live'), ['Stripe_live']);
      assert.deepEqual(await find('_l'), ['Stripe_live']);
      assert.deepEqual(await find('%'), []);
    });
  });
}
