import assert from 'node:assert/strict';
import { after as afterAll, before, describe, it } from 'node:test';
import { openStore } from '../../../../src/store/open.ts';
import type { Store } from '../../../../src/store/store.ts';
import { newSandbox, newTeam, noon } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

/** Ports of sandboxes that are published. */
export function previewSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: published ports`, () => {
    let store: Store;
    before(async () => {
      store = await openStore(await freshUrl());
    });
    afterAll(() => store.close());
    const at = noon;
    const publish = (id: string, port: number, access?: 'public' | 'private', most = 4) =>
      store.previews.publish(id, port, { access, fallback: 'private', most, at });

    it('have the access that was given, else the one they had, else that of the sandbox', async () => {
      const { id } = await newSandbox(store, await newTeam(store));
      const port = { sandboxId: id, port: 3000, tokenVersion: 1 };
      assert.deepEqual(await publish(id, 3000), { ...port, access: 'private' });
      assert.deepEqual(await publish(id, 3000, 'public'), { ...port, access: 'public' });
      assert.deepEqual(await publish(id, 3000), { ...port, access: 'public' });
      await publish(id, 2000);
      assert.deepEqual(
        (await store.previews.list(id)).map((each) => [each.port, each.access]),
        [
          [2000, 'private'],
          [3000, 'public'],
        ],
      );
    });

    it('never have a version of their tokens again, whatever was done meanwhile', async () => {
      const { previews } = store;
      const { id } = await newSandbox(store, await newTeam(store));
      await publish(id, 3000, 'public');
      assert.equal((await previews.rotate(id, 3000))?.tokenVersion, 2);
      assert.equal(await previews.unpublish(id, 3000), true);
      assert.equal(await previews.unpublish(id, 3000), false);
      assert.equal(await previews.get(id, 3000), null);
      assert.equal(await previews.rotate(id, 3000), null);
      assert.deepEqual(await previews.list(id), []);
      const again = { sandboxId: id, port: 3000, access: 'private', tokenVersion: 3 };
      assert.deepEqual(await publish(id, 3000), again);
      assert.deepEqual(await previews.get(id, 3000), again);
    });

    it('are no more than a sandbox may have, and of one sandbox only', async () => {
      const { id } = await newSandbox(store, await newTeam(store));
      const other = await newSandbox(store, await newTeam(store));
      await publish(id, 2000, undefined, 2);
      await publish(id, 2001, undefined, 2);
      assert.equal(await publish(id, 2002, undefined, 2), 'full');
      assert.notEqual(await publish(id, 2001, 'public', 2), 'full');
      assert.notEqual(await publish(other.id, 2002, undefined, 2), 'full');
      await store.previews.unpublish(id, 2000);
      assert.notEqual(await publish(id, 2002, undefined, 2), 'full');
    });

    it('are gone with their sandbox', async () => {
      const { id } = await newSandbox(store, await newTeam(store));
      await publish(id, 3000);
      await store.sandboxes.remove(id, at);
      assert.equal(await store.previews.get(id, 3000), null);
    });
  });
}
