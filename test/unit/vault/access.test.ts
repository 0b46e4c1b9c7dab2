import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StandinError } from '../../../src/errors.ts';
import { otherTeam, refusal, startVault } from './harness.ts';

const unknownId = '6f1c1f0e-0000-4000-8000-000000000000';

describe('API keys', () => {
  it('open their team, and nothing else opens it', async (t) => {
    const { vault, owner } = await startVault(t);
    const { key, view } = await vault.access.createKey(owner, { name: 'ci' });
    assert.match(key, /^sk_standin_[A-Za-z0-9]{43}$/);
    assert.deepEqual(await vault.access.authenticate(key), { teamId: owner.teamId, keyId: view.id, operator: false });
    for (const wrong of ['', key.slice(0, -1), `${key}A`, key.toUpperCase(), view.hint]) {
      assert.equal(await vault.access.authenticate(wrong), null);
    }
  });

  it('are kept as hashes, and told apart by a few characters', async (t) => {
    const { vault, owner, store } = await startVault(t);
    const { key, view } = await vault.access.createKey(owner, { name: 'ci' });
    const record = (await store.apiKeys.list(owner.teamId)).find(({ id }) => id === view.id);
    assert.ok(record && !JSON.stringify(record).includes(key.slice(16)));
    assert.equal(view.hint, key.slice(0, 15));
    assert.ok(!JSON.stringify(await vault.access.listKeys(owner)).includes(key.slice(16)));
  });

  it('that are revoked open nothing', async (t) => {
    const { vault, owner } = await startVault(t);
    const { key, view } = await vault.access.createKey(owner, { name: 'ci' });
    await vault.access.revokeKey(owner, view.id);
    assert.equal(await vault.access.authenticate(key), null);
    await assert.rejects(vault.access.revokeKey(owner, view.id), refusal('not_found'));
    assert.deepEqual(
      (await vault.access.listKeys(owner)).map(({ id }) => id),
      [owner.keyId],
    );
  });

  it('the last one stays, also when two are revoked at the same time', async (t) => {
    const { vault, owner } = await startVault(t);
    await assert.rejects(vault.access.revokeKey(owner, owner.keyId), refusal('conflict', undefined, /last live/));
    const { view } = await vault.access.createKey(owner, { name: 'second', operator: true });
    const results = await Promise.allSettled([
      vault.access.revokeKey(owner, owner.keyId),
      vault.access.revokeKey(owner, view.id),
    ]);
    const refused = results.filter((each) => each.status === 'rejected');
    assert.equal(refused.length, 1);
    assert.ok(refused[0]?.reason instanceof StandinError && refused[0].reason.code === 'conflict');
    assert.equal((await vault.access.listKeys(owner)).length, 1);
  });

  it('the last operator key stays, and only an operator makes or revokes one', async (t) => {
    const { vault, owner } = await startVault(t);
    const { key } = await vault.access.createKey(owner, { name: 'guest' });
    const guest = await vault.access.authenticate(key);
    assert.ok(guest);
    await assert.rejects(vault.access.revokeKey(owner, owner.keyId), refusal('conflict', undefined, /operator key/));
    await assert.rejects(vault.access.createKey(guest, { name: 'up', operator: true }), refusal('forbidden'));
    await assert.rejects(vault.access.revokeKey(guest, owner.keyId), refusal('forbidden'));
    const { view } = await vault.access.createKey(guest, { name: 'another guest' });
    assert.equal(view.operator, false);
    await vault.access.revokeKey(guest, guest.keyId);
  });

  it('of another team are not there', async (t) => {
    const harness = await startVault(t);
    const stranger = await otherTeam(harness);
    assert.deepEqual(await harness.vault.access.listKeys(stranger), []);
    for (const id of [harness.owner.keyId, unknownId, 'not-an-id']) {
      await assert.rejects(harness.vault.access.revokeKey(stranger, id), refusal('not_found'));
    }
    assert.equal((await harness.vault.access.listKeys(harness.owner)).length, 1);
  });

  it('have a name that people can read', async (t) => {
    const { vault, owner } = await startVault(t);
    for (const name of ['', 'a'.repeat(65), 'a\nb']) {
      await assert.rejects(vault.access.createKey(owner, { name }), refusal('bad_request', 'name'));
    }
  });

  it('note their use once a minute', async (t) => {
    const { vault, owner, clock, store } = await startVault(t);
    const { key, view } = await vault.access.createKey(owner, { name: 'ci' });
    const lastUsed = async () => (await store.apiKeys.list(owner.teamId)).find(({ id }) => id === view.id)?.lastUsedAt;
    const start = clock.now;
    await vault.access.authenticate(key);
    assert.deepEqual(await lastUsed(), start);
    clock.now = new Date(start.getTime() + 59_999);
    await vault.access.authenticate(key);
    assert.deepEqual(await lastUsed(), start);
    clock.now = new Date(start.getTime() + 60_000);
    await vault.access.authenticate(key);
    assert.deepEqual(await lastUsed(), clock.now);
  });
});

describe('the first start', () => {
  it('makes the team and an operator key, once', async (t) => {
    const { vault, owner, store } = await startVault(t);
    assert.equal(owner.operator, true);
    assert.equal((await store.teams.byName('default'))?.id, owner.teamId);
    assert.equal(await vault.bootstrap('another-key-that-is-long-enough'), null);
    assert.equal(await vault.access.authenticate('another-key-that-is-long-enough'), null);
  });

  it('that was cut short before there was a key is made good, with the key that was given', async (t) => {
    const { vault, owner, store, clock } = await startVault(t);
    await store.apiKeys.revoke(owner.teamId, owner.keyId, clock.now);
    const given = 'a-key-of-the-operators-own-choice';
    assert.deepEqual(await vault.bootstrap(given), { apiKey: given });
    const caller = await vault.access.authenticate(given);
    assert.equal(caller?.teamId, owner.teamId);
    assert.equal(caller?.operator, true);
    const [view] = await vault.access.listKeys(owner);
    assert.equal(view?.hint, 'a-ke');
  });
});
