import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after as afterAll, before, describe, it } from 'node:test';
import { openStore } from '../../../../src/store/open.ts';
import type { Store } from '../../../../src/store/store.ts';
import { after, newSecret, newTeam, noon, openFor, sealed, secret } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

export function secretSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: secrets`, () => {
    let store: Store;
    before(async () => {
      store = await openStore(await freshUrl());
    });
    afterAll(() => store.close());

    it('gives back a secret and its sealed value as they were written', async () => {
      const team = await newTeam(store);
      const record = secret(team, {
        authType: 'per_host',
        authConfig: {
          per_host: [{ hosts: ['ü.example'], type: 'custom', headers: { 'X-Key': 'a "b" {{ value }} \\' } }],
        },
        providerShortcut: 'anthropic',
        lastUsedAt: after(3),
      });
      const value = sealed();
      assert.equal(await store.secrets.insert(record, value), 'inserted');
      assert.deepEqual(await store.secrets.byName(team.id, record.name), record);
      assert.deepEqual(await store.secrets.byId(record.id), record);
      const found = await store.secrets.sealed(record.id, 1);
      assert.equal(found?.keyId, value.keyId);
      assert.deepEqual(Buffer.from(found?.ciphertext ?? []), value.ciphertext);
      assert.deepEqual(Buffer.from(found?.wrappedKey ?? []), value.wrappedKey);
      assert.equal(await store.secrets.sealed(record.id, 2), null);
    });

    it("does not find another team's secret by name", async () => {
      const record = await newSecret(store, await newTeam(store));
      assert.equal(await store.secrets.byName((await newTeam(store)).id, record.name), null);
    });

    it('lets exactly one of several secrets with one name in, when all are inserted at once', async () => {
      const team = await newTeam(store);
      const name = 'contested';
      const records = Array.from({ length: 8 }, () => secret(team, { name }));
      const outcomes = await Promise.all(records.map((each) => store.secrets.insert(each, sealed())));
      assert.deepEqual(outcomes.toSorted(), [...Array<string>(7).fill('conflict'), 'inserted']);
      const winner = records[outcomes.indexOf('inserted')];
      assert.equal((await store.secrets.byName(team.id, name))?.id, winner?.id);
      for (const each of records) assert.equal((await store.secrets.sealed(each.id, 1)) !== null, each === winner);
    });

    it('lets two teams use the same name', async () => {
      for (const team of [await newTeam(store), await newTeam(store)]) {
        assert.equal(await store.secrets.insert(secret(team, { name: 'shared' }), sealed()), 'inserted');
      }
    });

    it('throws, rather than answering conflict, where it is not the name that is at fault', async () => {
      const team = await newTeam(store);
      const record = await newSecret(store, team);
      await assert.rejects(store.secrets.insert(secret(team, { id: record.id }), sealed()));
      await assert.rejects(store.secrets.insert(secret({ ...team, id: randomUUID() }), sealed()));
    });

    it('lists live secrets, newest first', async () => {
      const team = await newTeam(store);
      const old = await newSecret(store, team, { createdAt: after(1) });
      const recent = await newSecret(store, team, { createdAt: after(2) });
      const gone = await newSecret(store, team);
      await store.secrets.remove(gone.id, noon);
      assert.deepEqual(await store.secrets.list(team.id), [recent, old]);
    });

    it('rotates to the next version and erases the one before', async () => {
      const record = await newSecret(store, await newTeam(store));
      const value = sealed();
      const rotated = await store.secrets.rotate(record.id, 2, value, after(10));
      assert.deepEqual(rotated, { ...record, version: 2, updatedAt: after(10) });
      assert.equal(await store.secrets.sealed(record.id, 1), null);
      assert.deepEqual(Buffer.from((await store.secrets.sealed(record.id, 2))?.ciphertext ?? []), value.ciphertext);
    });

    it('lets exactly one of several rotations to the same version win, with its own value', async () => {
      const record = await newSecret(store, await newTeam(store));
      const values = Array.from({ length: 6 }, () => sealed());
      const outcomes = await Promise.all(values.map((value) => store.secrets.rotate(record.id, 2, value, noon)));
      const winners = outcomes.flatMap((outcome, index) => (outcome === null ? [] : [values[index]]));
      assert.equal(winners.length, 1);
      const found = await store.secrets.sealed(record.id, 2);
      assert.deepEqual(Buffer.from(found?.ciphertext ?? []), winners[0]?.ciphertext);
    });

    it('refuses to skip a version or to rotate what is deleted', async () => {
      const record = await newSecret(store, await newTeam(store));
      assert.equal(await store.secrets.rotate(record.id, 3, sealed(), noon), null);
      assert.equal(await store.secrets.rotate(randomUUID(), 2, sealed(), noon), null);
      assert.notEqual(await store.secrets.sealed(record.id, 1), null);
      await store.secrets.remove(record.id, noon);
      assert.equal(await store.secrets.rotate(record.id, 2, sealed(), noon), null);
      assert.equal(await store.secrets.sealed(record.id, 2), null);
    });

    it('removes once, erases the value, keeps the record, and frees the name', async () => {
      const team = await newTeam(store);
      const record = await newSecret(store, team);
      assert.equal(await store.secrets.remove(record.id, after(4)), true);
      assert.equal(await store.secrets.remove(record.id, after(5)), false);
      assert.equal(await store.secrets.sealed(record.id, 1), null);
      assert.equal(await store.secrets.byName(team.id, record.name), null);
      assert.deepEqual((await store.secrets.byId(record.id))?.deletedAt, after(4));
      assert.equal(await store.secrets.insert(secret(team, { name: record.name }), sealed()), 'inserted');
    });

    it('moves the last use forward, never back, whatever the order in a batch', async () => {
      const team = await newTeam(store);
      const [a, b] = [await newSecret(store, team), await newSecret(store, team)];
      await store.secrets.touch([
        { id: a.id, at: after(9) },
        { id: b.id, at: after(2) },
        { id: a.id, at: after(5) },
      ]);
      await store.secrets.touch([{ id: a.id, at: after(7) }]);
      await store.secrets.touch([]);
      assert.deepEqual((await store.secrets.byId(a.id))?.lastUsedAt, after(9));
      assert.deepEqual((await store.secrets.byId(b.id))?.lastUsedAt, after(2));
    });

    it('touches the same secrets from many sides at once without a deadlock', async () => {
      const team = await newTeam(store);
      const ids = await Promise.all(Array.from({ length: 6 }, async () => (await newSecret(store, team)).id));
      await Promise.all(
        Array.from({ length: 12 }, (_, round) => {
          const order = round % 2 === 0 ? ids : ids.toReversed();
          return store.secrets.touch(order.map((id) => ({ id, at: after(round) })));
        }),
      );
      for (const id of ids) assert.deepEqual((await store.secrets.byId(id))?.lastUsedAt, after(11));
    });

    it('knows whether any sealed value exists', async (test) => {
      const own = await openFor(test, await freshUrl());
      assert.equal(await own.secrets.anySealed(), false);
      const record = await newSecret(own, await newTeam(own));
      assert.equal(await own.secrets.anySealed(), true);
      await own.secrets.remove(record.id, noon);
      assert.equal(await own.secrets.anySealed(), false);
    });
  });
}
