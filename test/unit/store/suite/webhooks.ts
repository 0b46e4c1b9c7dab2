import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after as afterAll, before, describe, it } from 'node:test';
import { openStore } from '../../../../src/store/open.ts';
import type { DeliveryRecord, Store, TeamRecord, WebhookRecord } from '../../../../src/store/store.ts';
import { after, newTeam, noon, sealed } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

export function webhookSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: webhooks`, () => {
    let store: Store;
    before(async () => {
      store = await openStore(await freshUrl());
    });
    afterAll(() => store.close());

    const webhook = ({ id: teamId }: TeamRecord, over: Partial<WebhookRecord> = {}): WebhookRecord => ({
      id: randomUUID(),
      teamId,
      url: 'https://hooks.example.com/a?b=c',
      events: ['tripwire'],
      loopback: false,
      createdAt: noon,
      ...over,
    });
    const delivery = (webhookId: string, at = noon) => ({
      id: `msg_${randomUUID()}`,
      webhookId,
      body: '{"a":"é"}',
      createdAt: at,
    });
    async function made(team: TeamRecord): Promise<WebhookRecord> {
      const record = webhook(team);
      assert.equal(await store.webhooks.insert(record, sealed(), 16), 'inserted');
      return record;
    }
    /** What is due of these webhooks alone. */
    async function due(at: Date, ids: readonly string[], busy: readonly string[] = []): Promise<DeliveryRecord[]> {
      const found = await store.webhooks.due(at, { busy, limit: 1000 });
      return found.filter(({ webhookId }) => ids.includes(webhookId));
    }

    it('gives back what was written, newest first, to its own team, and no more than are allowed', async () => {
      const team = await newTeam(store);
      const [old, young] = [webhook(team), webhook(team, { createdAt: after(1), loopback: true })];
      const key = sealed();
      assert.equal(await store.webhooks.insert(old, key, 2), 'inserted');
      assert.equal(await store.webhooks.insert(young, sealed(), 2), 'inserted');
      assert.equal(await store.webhooks.insert(webhook(team), sealed(), 2), 'full');
      assert.deepEqual(await store.webhooks.list(team.id), [young, old]);
      const found = await store.webhooks.find(old.id);
      assert.deepEqual(found?.webhook, old);
      assert.deepEqual(Buffer.from(found.sealed.ciphertext), Buffer.from(key.ciphertext));
      assert.deepEqual(await store.webhooks.list((await newTeam(store)).id), []);
      assert.equal(await store.webhooks.find(randomUUID()), null);
    });

    it('lets no more in than are allowed when all come at once', async () => {
      const team = await newTeam(store);
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, () => store.webhooks.insert(webhook(team), sealed(), 3)),
      );
      assert.equal(outcomes.filter((each) => each === 'inserted').length, 3);
    });

    it('hands out one due delivery for each webhook that is not busy, and each to one claimant', async () => {
      const team = await newTeam(store);
      const [a, b] = [await made(team), await made(team)];
      const ids = [a.id, b.id];
      const queued = [delivery(a.id), delivery(a.id, after(5)), delivery(b.id)];
      assert.equal(await store.webhooks.queue(team.id, queued, 10), 3);
      assert.deepEqual(await due(after(-1), ids), []);
      const found = await due(after(10), ids);
      assert.deepEqual(found.map(({ webhookId }) => webhookId).toSorted(), ids.toSorted());
      assert.deepEqual(
        (await due(after(10), ids, [a.id])).map(({ webhookId }) => webhookId),
        [b.id],
      );
      const first = found.find(({ webhookId }) => webhookId === a.id);
      assert.ok(first !== undefined);
      assert.deepEqual(first, { ...queued[0], attempts: 0, dueAt: noon });
      const claims = await Promise.all([1, 2, 3].map(() => store.webhooks.claim(first, after(1000))));
      assert.equal(claims.filter(Boolean).length, 1);
      assert.equal((await due(after(10), [a.id]))[0]?.id, queued[1]?.id);
      const again = (await due(after(1000), [a.id])).concat(await due(after(1000), [a.id]));
      assert.ok(again.length > 0);
      await store.webhooks.end(queued[1]?.id ?? '', 'delivered', after(20));
      const [claimed] = await due(after(1000), [a.id]);
      assert.deepEqual([claimed?.id, claimed?.attempts], [first.id, 1], 'a claim that ran out is due again');
      await store.webhooks.postpone(first.id, after(5000));
      assert.deepEqual(await due(after(1000), [a.id]), []);
    });

    it('keeps as many as may wait, for webhooks of that team alone', async () => {
      const [team, other] = [await newTeam(store), await newTeam(store)];
      const [own, theirs] = [await made(team), await made(other)];
      const many = Array.from({ length: 1200 }, () => delivery(own.id));
      assert.equal(await store.webhooks.queue(team.id, [delivery(theirs.id), ...many], 1000), 1000);
      assert.equal(await store.webhooks.queue(team.id, [delivery(own.id)], 1000), 0);
      assert.equal(await store.webhooks.queue(other.id, [delivery(theirs.id)], 1000), 1);
      await store.webhooks.remove(team.id, own.id);
      assert.equal(await store.webhooks.queue(team.id, [delivery(own.id)], 1000), 0, 'it is gone');
    });

    it('deletes a webhook of the team with all that waits for it, once', async () => {
      const team = await newTeam(store);
      const own = await made(team);
      await store.webhooks.queue(team.id, [delivery(own.id)], 10);
      assert.equal(await store.webhooks.remove((await newTeam(store)).id, own.id), false);
      assert.equal(await store.webhooks.remove(team.id, own.id), true);
      assert.equal(await store.webhooks.remove(team.id, own.id), false);
      assert.deepEqual(await due(after(10), [own.id]), []);
    });

    it('keeps the id of what was delivered until it is pruned, and does not take it twice', async () => {
      const team = await newTeam(store);
      const own = await made(team);
      const sent = delivery(own.id);
      await store.webhooks.queue(team.id, [sent], 10);
      await store.webhooks.end(sent.id, 'delivered', after(1));
      assert.deepEqual(await due(after(10), [own.id]), []);
      await assert.rejects(store.webhooks.queue(team.id, [sent], 10));
      await store.webhooks.prune(after(1));
      await assert.rejects(store.webhooks.queue(team.id, [sent], 10));
      await store.webhooks.prune(after(2));
      assert.equal(await store.webhooks.queue(team.id, [sent], 10), 1);
    });
  });
}
