import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after as afterAll, before, describe, it } from 'node:test';
import { openStore } from '../../../../src/store/open.ts';
import type { ApiKeyRecord, Store, TeamRecord } from '../../../../src/store/store.ts';
import { after, newTeam, noon } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

/** Teams, API keys, settings, and the store as a whole. */
export function accessSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: teams, keys and settings`, () => {
    let store: Store;
    before(async () => {
      store = await openStore(await freshUrl());
    });
    afterAll(() => store.close());

    it('counts teams and finds one by its name', async () => {
      const earlier = await store.teams.count();
      const team = await newTeam(store);
      assert.equal(await store.teams.count(), earlier + 1);
      assert.deepEqual(await store.teams.byName(team.name), team);
      assert.equal(await store.teams.byName('nobody'), null);
    });

    it('refuses a second team of the same name, also when both are made at once', async () => {
      const name = randomUUID();
      const attempts = await Promise.allSettled(
        [1, 2, 3].map(() => store.teams.insert({ id: randomUUID(), name, createdAt: noon })),
      );
      assert.equal(attempts.filter((each) => each.status === 'fulfilled').length, 1);
      for (const each of attempts) if (each.status === 'rejected') assert.equal(each.reason.code, 'conflict');
    });

    it('finds a live key by its hash, as it was written', async () => {
      const key = apiKey(await newTeam(store), { operator: true });
      await store.apiKeys.insert(key);
      assert.deepEqual(await store.apiKeys.byHash(key.hash), key);
      assert.equal(await store.apiKeys.byHash('another'), null);
    });

    it("lists a team's live keys, newest first, and no other team's", async () => {
      const [team, other] = [await newTeam(store), await newTeam(store)];
      const older = apiKey(team);
      const newer = apiKey(team, { createdAt: after(1) });
      for (const key of [older, newer, apiKey(other)]) await store.apiKeys.insert(key);
      assert.deepEqual(await store.apiKeys.list(team.id), [newer, older]);
    });

    it('revokes a key once, for its own team only, and then finds it no more', async () => {
      const team = await newTeam(store);
      const key = apiKey(team);
      await store.apiKeys.insert(key);
      assert.equal(await store.apiKeys.revoke((await newTeam(store)).id, key.id, noon), false);
      assert.equal(await store.apiKeys.revoke(team.id, key.id, noon), true);
      assert.equal(await store.apiKeys.revoke(team.id, key.id, noon), false);
      assert.equal(await store.apiKeys.byHash(key.hash), null);
      assert.deepEqual(await store.apiKeys.list(team.id), []);
    });

    it('moves the last use of a key forward, never back', async () => {
      const key = apiKey(await newTeam(store));
      await store.apiKeys.insert(key);
      for (const at of [after(5), after(9), after(7)]) await store.apiKeys.touch(key.id, at);
      assert.deepEqual((await store.apiKeys.byHash(key.hash))?.lastUsedAt, after(9));
    });

    it('keeps the first value of a setting, and tells every writer which it is', async () => {
      const name = randomUUID();
      assert.equal(await store.settings.get(name), null);
      const values = [1, 2, 3, 4].map((each) => Uint8Array.of(each, 0, 255));
      const kept = await Promise.all(values.map((value) => store.settings.putIfAbsent(name, value)));
      const found = await store.settings.get(name);
      assert.ok(found !== null && values.some((value) => Buffer.from(value).equals(found)));
      for (const each of kept) assert.deepEqual([...each], [...found]);
    });

    it('answers a ping while open, and rejects everything as unavailable or closed once closed', async () => {
      const own = await openStore(await freshUrl());
      await own.ping();
      await own.close();
      await assert.rejects(own.ping());
      await assert.rejects(own.teams.count());
    });
  });
}

function apiKey(team: TeamRecord, over: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  return {
    id: randomUUID(),
    teamId: team.id,
    name: 'laptop',
    hash: randomUUID(),
    hint: 'sk_live_ab',
    operator: false,
    createdAt: noon,
    lastUsedAt: null,
    revokedAt: null,
    ...over,
  };
}
