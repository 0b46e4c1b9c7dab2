import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Store } from '../../../../src/store/store.ts';
import { newTeam, openFor } from './fixtures.ts';
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

export function changeSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: changes`, () => {
    it('reach subscribers of the same process before publish resolves, once each, until they stop', async (test) => {
      const store = await openFor(test, await freshUrl());
      const [one, two] = [listenTo(store), listenTo(store)];
      const ids = [randomUUID(), randomUUID()];
      await store.changes.publish(ids);
      assert.deepEqual(one.heard, [ids]);
      two.stop();
      await store.changes.publish([]);
      await store.changes.publish(ids);
      assert.deepEqual(
        one.heard.filter((each) => each?.length !== 0),
        [ids, ids],
      );
      assert.deepEqual(two.heard, [ids]);
    });

    it('reach the others even where one subscriber throws', async (test) => {
      const store = await openFor(test, await freshUrl());
      store.changes.subscribe(() => {
        throw new Error('broken subscriber');
      });
      const { heard } = listenTo(store);
      await store.changes.publish(['a']);
      assert.deepEqual(heard, [['a']]);
    });

    it('reach another process on the same database, by name or as a call to drop everything', limit, async (test) => {
      const url = await freshUrl();
      const [here, there] = [await openFor(test, url), await openFor(test, url)];
      const listener = listenTo(there);
      const id = randomUUID();
      // SQLite notices writes; PostgreSQL carries the message.
      await newTeam(here);
      await here.changes.publish([id]);
      await listener.until((heard) => heard.some((each) => each === null || each.includes(id)));
    });
  });
}

/** For tests that wait to be told: not told is a failure, not a wait without end. */
const limit = { timeout: 20_000 };
