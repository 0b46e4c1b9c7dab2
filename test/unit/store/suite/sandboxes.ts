import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after as afterAll, before, describe, it } from 'node:test';
import { openStore } from '../../../../src/store/open.ts';
import type { SandboxRecord, Store } from '../../../../src/store/store.ts';
import { after, binding, newSandbox, newSecret, newTeam, noon, sandbox } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

/** Sandboxes and their bindings. */
export function sandboxSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: sandboxes`, () => {
    let store: Store;
    before(async () => {
      store = await openStore(await freshUrl());
    });
    afterAll(() => store.close());

    it('gives back a sandbox with its bindings as they were written', async () => {
      const team = await newTeam(store);
      const [one, two] = [await newSecret(store, team), await newSecret(store, team)];
      const box = sandbox(team, {
        envVars: { A: 'line\nbreak "quoted" é' },
        metadata: { owner: 'ada' },
        network: { allow_out: ['*.example.com'], deny_out: ['203.0.113.0/24'] },
        timeoutSeconds: 60,
        autoDeleteSeconds: 0,
      });
      const bindings = [binding(box, one, { envKey: 'ONE' }), binding(box, two, { envKey: 'TWO' })];
      await store.sandboxes.insert(box, bindings);
      assert.deepEqual(await store.sandboxes.byId(box.id), box);
      assert.deepEqual(await store.sandboxes.byIdEver(box.id), box);
      assert.deepEqual(await store.bindings.bySandbox(box.id), [
        { binding: bindings[0], secret: one },
        { binding: bindings[1], secret: two },
      ]);
    });

    it('leaves no sandbox behind where one of its bindings fails', async () => {
      const team = await newTeam(store);
      const known = await newSecret(store, team);
      const stranger = await newSecret(store, await newTeam(store));
      const box = sandbox(team);
      const failing = [
        [binding(box, known), binding(box, known)],
        [binding(box, known), binding(box, { ...known, id: randomUUID() }, { envKey: 'B' })],
        [binding(box, known), binding(box, stranger, { envKey: 'B' })],
      ];
      for (const bindings of failing) {
        await assert.rejects(store.sandboxes.insert(box, bindings));
        assert.equal(await store.sandboxes.byIdEver(box.id), null);
        assert.deepEqual(await store.bindings.bySecret(known.id), []);
      }
    });

    it('lists by status and metadata, newest first, a page at a time', async () => {
      const team = await newTeam(store);
      const odd = { 'a"b.c$[0]': "it's", plain: 'yes' };
      const boxes = [
        await newSandbox(store, team, { createdAt: after(1), metadata: odd }),
        await newSandbox(store, team, { createdAt: after(2), metadata: { plain: 'yes' }, status: 'paused' }),
        await newSandbox(store, team, { createdAt: after(3), metadata: { plain: 'no' } }),
        await newSandbox(store, team, { createdAt: after(4) }),
      ].map((each) => each.id);
      await newSandbox(store, await newTeam(store));
      const list = async (filter: Partial<Parameters<Store['sandboxes']['list']>[1]>) => {
        const found = await store.sandboxes.list(team.id, { limit: 50, offset: 0, ...filter });
        return found.map((each) => boxes.indexOf(each.id));
      };
      assert.deepEqual(await list({}), [3, 2, 1, 0]);
      assert.deepEqual(await list({ limit: 2, offset: 1 }), [2, 1]);
      assert.deepEqual(await list({ status: ['paused'] }), [1]);
      assert.deepEqual(await list({ metadata: { plain: 'yes' } }), [1, 0]);
      assert.deepEqual(await list({ metadata: { plain: 'yes' }, status: ['active', 'failed'] }), [0]);
      assert.deepEqual(await list({ metadata: odd }), [0]);
      assert.deepEqual(await list({ metadata: { 'a"b.c$[0]': 'its' } }), []);
    });

    it('refuses text that one of the databases could not hold, before anything is written', async () => {
      const team = await newTeam(store);
      const unstorable: Partial<SandboxRecord>[] = [
        { name: 'nul\0' },
        { name: 'half \ud83d' },
        { metadata: { 'nul\0': 'yes' } },
        { metadata: { key: '\ude00' } },
        { envVars: { KEY: '\\\0' } },
      ];
      for (const over of unstorable) {
        const box = sandbox(team, over);
        await assert.rejects(store.sandboxes.insert(box, []), { code: 'bad_request' });
        assert.equal(await store.sandboxes.byIdEver(box.id), null);
      }
      const box = await newSandbox(store, team, { name: '😀', metadata: { 'literal \\u0000': '\\\\ud83d 😀' } });
      assert.deepEqual(await store.sandboxes.byId(box.id), box);
      const filter = { limit: 5, offset: 0, metadata: box.metadata };
      assert.deepEqual(await store.sandboxes.list(team.id, filter), [box]);
    });

    it('finds every live sandbox of a server, whatever the team', async () => {
      const server = `server-${randomUUID()}`;
      const boxes = [
        await newSandbox(store, await newTeam(store), { server }),
        await newSandbox(store, await newTeam(store), { server }),
      ];
      const gone = await newSandbox(store, await newTeam(store), { server });
      await store.sandboxes.remove(gone.id, noon);
      const found = await store.sandboxes.byServer(server);
      assert.deepEqual(found.map((each) => each.id).toSorted(), boxes.map((each) => each.id).toSorted());
    });

    it('takes no more than a team may have, also where many come at once', async () => {
      const team = await newTeam(store);
      const other = await newTeam(store);
      const most = 3;
      const boxes = Array.from({ length: 8 }, () => sandbox(team));
      const results = await Promise.all(boxes.map((each) => store.sandboxes.insert(each, [], most)));
      assert.equal(results.filter((each) => each === 'inserted').length, most);
      assert.equal((await store.sandboxes.list(team.id, { limit: 50, offset: 0 })).length, most);
      assert.equal(await store.sandboxes.insert(sandbox(other), [], most), 'inserted');
      const first = boxes[results.indexOf('inserted')];
      assert.ok(first);
      await store.sandboxes.remove(first.id, noon);
      assert.equal(await store.sandboxes.insert(sandbox(team), [], most), 'inserted');
    });

    it('finds those of a server whose time is up', async () => {
      const team = await newTeam(store);
      const server = `server-${randomUUID()}`;
      const active = { server, activeSince: noon, timeoutSeconds: 60 };
      const paused: Partial<SandboxRecord> = {
        server,
        status: 'paused',
        activeSince: null,
        pausedAt: noon,
        autoDeleteSeconds: 30,
        timeoutSeconds: 1,
      };
      const boxes = [
        await newSandbox(store, team, active),
        await newSandbox(store, team, paused),
        await newSandbox(store, team, { ...paused, autoDeleteSeconds: 0 }),
      ].map((each) => each.id);
      await newSandbox(store, team, { ...active, timeoutSeconds: null });
      await newSandbox(store, team, { ...active, status: 'failed' });
      await newSandbox(store, team, { ...active, server: 'another' });
      const due = async (seconds: number) => {
        const found = await store.sandboxes.due(server, new Date(noon.getTime() + seconds * 1000));
        return found.map((each) => boxes.indexOf(each.id)).toSorted((a, b) => a - b);
      };
      assert.deepEqual(await due(0), [2]);
      assert.deepEqual(await due(29), [2]);
      assert.deepEqual(await due(30), [1, 2]);
      assert.deepEqual(await due(60), [0, 1, 2]);
    });

    it('changes one only from the states that are named', async () => {
      const box = await newSandbox(store, await newTeam(store));
      assert.equal(await store.sandboxes.update(box.id, { status: 'resuming' }, ['paused']), null);
      const change = { status: 'paused', pausedAt: noon, activeSince: null, previewAccess: 'public' } as const;
      const attempts = await Promise.all([1, 2, 3].map(() => store.sandboxes.update(box.id, change, ['active'])));
      assert.equal(attempts.filter((each) => each !== null).length, 1);
      assert.deepEqual(await store.sandboxes.byId(box.id), { ...box, ...change });
    });

    it('updates only what the change names, and null clears', async () => {
      const box = await newSandbox(store, await newTeam(store), { timeoutSeconds: 5, autoDeleteSeconds: 6 });
      const change = {
        status: 'paused',
        metadata: { k: 'v' },
        network: { deny_out: ['198.51.100.0/24'] },
        timeoutSeconds: null,
        accessGeneration: 2,
      } as const;
      const expected = { ...box, ...change, network: { deny_out: ['198.51.100.0/24'] } };
      assert.deepEqual(
        await store.sandboxes.update(box.id, { ...change, network: { deny_out: ['198.51.100.0/24'] } }),
        expected,
      );
      assert.deepEqual(await store.sandboxes.byId(box.id), expected);
      assert.deepEqual(await store.sandboxes.update(box.id, {}), expected);
      assert.equal(await store.sandboxes.update(randomUUID(), { status: 'failed' }), null);
    });

    it('removes once, detaches its bindings, and can still be told from one that never was', async () => {
      const team = await newTeam(store);
      const key = await newSecret(store, team);
      const box = sandbox(team);
      const bound = binding(box, key);
      await store.sandboxes.insert(box, [bound]);
      assert.equal(await store.sandboxes.remove(box.id, after(1)), true);
      assert.equal(await store.sandboxes.remove(box.id, after(2)), false);
      assert.equal(await store.sandboxes.byId(box.id), null);
      assert.deepEqual(await store.sandboxes.byIdEver(box.id), { ...box, deletedAt: after(1) });
      assert.equal(await store.sandboxes.byIdEver(randomUUID()), null);
      assert.equal(await store.sandboxes.update(box.id, { status: 'active' }), null);
      assert.deepEqual(await store.bindings.bySandbox(box.id), []);
      assert.deepEqual(await store.bindings.bySecret(key.id), []);
      assert.deepEqual(
        (await store.bindings.byFingerprints([bound.fingerprint])).get(bound.fingerprint)?.binding,
        bound,
      );
    });

    it('lets exactly one of several bindings to one env key in, when all are inserted at once', async () => {
      const team = await newTeam(store);
      const key = await newSecret(store, team);
      const box = await newSandbox(store, team);
      const bindings = Array.from({ length: 6 }, () => binding(box, key));
      const outcomes = await Promise.all(bindings.map((each) => store.bindings.insert(each)));
      assert.deepEqual(outcomes.toSorted(), [...Array<string>(5).fill('conflict'), 'inserted']);
      const winner = bindings[outcomes.indexOf('inserted')];
      assert.deepEqual(await store.bindings.bySandbox(box.id), [{ binding: winner, secret: key }]);
    });

    it("refuses to bind another team's secret, whatever the caller says", async () => {
      const [team, other] = [await newTeam(store), await newTeam(store)];
      const box = await newSandbox(store, team);
      const foreign = await newSecret(store, other);
      await assert.rejects(store.bindings.insert(binding(box, foreign)));
      await assert.rejects(store.bindings.insert(binding(box, foreign, { teamId: other.id })));
    });

    it('detaches exactly the binding that is named, and not the one that took its place', async () => {
      const team = await newTeam(store);
      const key = await newSecret(store, team);
      const box = await newSandbox(store, team);
      const [first, second] = [binding(box, key), binding(box, key)];
      await store.bindings.insert(first);
      assert.equal(await store.bindings.detachBinding(first.id, noon), true);
      await store.bindings.insert(second);
      assert.equal(await store.bindings.detachBinding(first.id, noon), false);
      assert.deepEqual(await store.bindings.bySandbox(box.id), [{ binding: second, secret: key }]);
    });

    it('finds more bindings by their fingerprints than go into one statement', async () => {
      const team = await newTeam(store);
      const key = await newSecret(store, team);
      const box = await newSandbox(store, team);
      const bound = binding(box, key);
      await store.bindings.insert(bound);
      const unknown = Array.from({ length: 2500 }, (_, index) => `unknown-${index}`);
      const found = await store.bindings.byFingerprints([...unknown, bound.fingerprint]);
      assert.deepEqual([...found], [[bound.fingerprint, { binding: bound, secret: key }]]);
      assert.equal((await store.bindings.byFingerprints([])).size, 0);
    });

    it('detaches once, frees the env key, and still knows the stand-in', async () => {
      const team = await newTeam(store);
      const key = await newSecret(store, team);
      const box = await newSandbox(store, team);
      const first = binding(box, key);
      await store.bindings.insert(first);
      assert.equal(await store.bindings.detach(box.id, 'OTHER', noon), false);
      assert.equal(await store.bindings.detach(box.id, first.envKey, noon), true);
      assert.equal(await store.bindings.detach(box.id, first.envKey, noon), false);
      const found = await store.bindings.byFingerprints(['unknown', first.fingerprint]);
      assert.deepEqual(found.get(first.fingerprint)?.binding, first);
      assert.equal(found.size, 1);
      const second = binding(box, key);
      assert.equal(await store.bindings.insert(second), 'inserted');
      assert.deepEqual(await store.bindings.bySandbox(box.id), [{ binding: second, secret: key }]);
    });

    it('shows a deleted secret among the bindings, marked as deleted', async () => {
      const team = await newTeam(store);
      const key = await newSecret(store, team);
      const box = await newSandbox(store, team);
      await store.bindings.insert(binding(box, key));
      await store.secrets.remove(key.id, after(3));
      const [found] = await store.bindings.bySandbox(box.id);
      assert.deepEqual(found?.secret.deletedAt, after(3));
    });

    it('reads the bindings of many sandboxes at once, also of more than fit in one statement', async () => {
      const team = await newTeam(store);
      const key = await newSecret(store, team);
      const boxes = [await newSandbox(store, team), await newSandbox(store, team), await newSandbox(store, team)];
      for (const box of boxes.slice(0, 2)) await store.bindings.insert(binding(box, key));
      const strangers = Array.from({ length: 2500 }, () => randomUUID());
      const [a = '', b = '', none = ''] = boxes.map((each) => each.id);
      const found = await store.bindings.bySandboxes([a, ...strangers, b, none]);
      assert.deepEqual(new Set(found.keys()), new Set([a, b]));
      assert.equal(found.get(a)?.[0]?.secret.id, key.id);
      assert.deepEqual(await store.bindings.bySandboxes([]), new Map());
    });

    it('names the live sandboxes that hold a secret', async () => {
      const team = await newTeam(store);
      const key = await newSecret(store, team);
      const [live, gone] = [await newSandbox(store, team), await newSandbox(store, team)];
      const bound = binding(live, key);
      await store.bindings.insert(bound);
      await store.bindings.insert(binding(gone, key));
      await store.sandboxes.remove(gone.id, noon);
      assert.deepEqual(await store.bindings.bySecret(key.id), [{ binding: bound, sandbox: live }]);
    });
  });
}
