import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { openStore } from '../../../../src/store/open.ts';
import type { Store } from '../../../../src/store/store.ts';
import { newTeam } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

/** Everything a subscriber heard, and a way to wait until it heard something. */
function listenTo(store: Store) {
  const heard: (string[] | null)[] = [];
  const waiting: { test: (heard: (string[] | null)[]) => boolean; resolve: () => void }[] = [];
  const stop = store.changes.subscribe((ids) => {
    heard.push(ids);
    for (const each of waiting) if (each.test(heard)) each.resolve();
  });
  return {
    heard,
    stop,
    until(test: (heard: (string[] | null)[]) => boolean): Promise<void> {
      return new Promise((resolve) => {
        if (test(heard)) resolve();
        else waiting.push({ test, resolve });
      });
    },
  };
}

async function withStores(url: string, count: number, body: (stores: Store[]) => Promise<void>): Promise<void> {
  const stores: Store[] = [];
  try {
    for (let i = 0; i < count; i++) stores.push(await openStore(url));
    await body(stores);
  } finally {
    for (const each of stores) await each.close();
  }
}

export function changeSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: changes`, () => {
    it('reach subscribers of the same process before publish resolves, once each, until they stop', async () => {
      await withStores(await freshUrl(), 1, async ([store]) => {
        assert.ok(store !== undefined);
        const [one, two] = [listenTo(store), listenTo(store)];
        const ids = [randomUUID(), randomUUID()];
        await store.changes.publish(ids);
        assert.deepEqual(one.heard, [ids]);
        two.stop();
        await store.changes.publish([]);
        await store.changes.publish(ids);
        // Long enough for an echo of our own to come back, if there were one: a full turn through the database.
        await newTeam(store);
        assert.deepEqual(
          one.heard.filter((each) => each?.length !== 0),
          [ids, ids],
        );
        assert.deepEqual(two.heard, [ids]);
      });
    });

    it('reach the others even where one subscriber throws', async () => {
      await withStores(await freshUrl(), 1, async ([store]) => {
        assert.ok(store !== undefined);
        store.changes.subscribe(() => {
          throw new Error('broken subscriber');
        });
        const { heard } = listenTo(store);
        await store.changes.publish(['a']);
        assert.deepEqual(heard, [['a']]);
      });
    });

    it('reach another process on the same database, by name or as a call to drop everything', async () => {
      await withStores(await freshUrl(), 2, async ([here, there]) => {
        assert.ok(here !== undefined && there !== undefined);
        const listener = listenTo(there);
        await here.ping();
        const id = randomUUID();
        // SQLite notices writes; PostgreSQL carries the message.
        await newTeam(here);
        await here.changes.publish([id]);
        await listener.until((heard) => heard.some((each) => each === null || each.includes(id)));
      });
    });
  });
}
