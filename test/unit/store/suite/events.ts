import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after as afterAll, before, describe, it } from 'node:test';
import { openStore } from '../../../../src/store/open.ts';
import type { SandboxRecord, Store } from '../../../../src/store/store.ts';
import type { StoredEvent } from '../../../../src/store/trail.ts';
import {
  appendEvents,
  connectionEvent,
  newSandbox,
  newTeam,
  noon,
  openFor,
  requestEvent,
  segmentsOf,
} from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

export function eventSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: events`, () => {
    let store: Store;
    let box: SandboxRecord;
    before(async () => {
      store = await openStore(await freshUrl());
      box = await newSandbox(store, await newTeam(store), { name: 'worker' });
    });
    afterAll(() => store.close());

    it('gives back both kinds of event as they were written, with rising ids and the name of the sandbox', async () => {
      const own = await newSandbox(store, await newTeam(store), { name: 'named' });
      const request = requestEvent(own, {
        secretId: randomUUID(),
        errorCode: 'host_denied',
        status: 403,
        upstreamStatus: null,
      });
      const connection = connectionEvent(own, { verdict: 'blocked' });
      await appendEvents(store, [request, connection]);
      const [newest, oldest] = await store.events.bySandbox(own.id, { limit: 10 });
      assert.ok(newest !== undefined && oldest !== undefined && newest.id > oldest.id);
      assert.deepEqual(oldest, { ...request, id: oldest.id, sandboxName: 'named' });
      assert.deepEqual(newest, { ...connection, id: newest.id, sandboxName: 'named' });
    });

    it('gives tripwire events of a secret to those who ask for them, whatever else is in their segments', async () => {
      const secretId = randomUUID();
      const request = requestEvent(box, { secretId, errorCode: 'credential_host_mismatch', status: 403 });
      const tripwire = requestEvent(box, {
        kind: 'tripwire',
        secretId,
        method: null,
        path: null,
        status: null,
        upstreamStatus: null,
        latencyMs: null,
        errorCode: 'credential_host_mismatch',
        tripwire: { standIn: 'own', slot: 'header referer', action: 'revoke' },
      });
      await appendEvents(store, [request]);
      await appendEvents(store, [tripwire]);
      await appendEvents(store, [request, tripwire, requestEvent(box, { secretId })]);
      const kinds = async (page: Partial<Parameters<Store['events']['bySecret']>[1]>) =>
        (await store.events.bySecret(secretId, { limit: 10, ...page })).map((each) => each.kind).join(' ');
      assert.equal(await kinds({}), 'request request request');
      assert.equal(await kinds({ kinds: ['tripwire'] }), 'tripwire tripwire');
      assert.equal(await kinds({ kinds: ['request', 'tripwire'] }), 'request tripwire request tripwire request');
      assert.equal(
        await kinds({ kinds: ['request', 'tripwire'], status: 'errors' }),
        'tripwire request tripwire request',
      );
      assert.equal(await kinds({ kinds: ['tripwire'], status: '2xx' }), '');
      const [newest] = await store.events.bySecret(secretId, { limit: 1, kinds: ['tripwire'] });
      assert.deepEqual(newest, { ...tripwire, id: newest?.id, sandboxName: 'worker' });
      assert.equal((await store.events.verify()).broken, null);
    });

    it('keeps the history of a deleted sandbox, without its name', async () => {
      const own = await newSandbox(store, await newTeam(store));
      const secretId = randomUUID();
      await appendEvents(store, [requestEvent(own, { secretId })]);
      await store.sandboxes.remove(own.id, noon);
      const [event] = await store.events.bySecret(secretId, { limit: 1 });
      assert.equal(event?.sandboxName, null);
      assert.equal(event?.sandboxId, own.id);
    });

    it('shows only request rows of a secret, filtered by class of status or by failure', async () => {
      const secretId = randomUUID();
      const row = (status: number | null, errorCode: string | null = null) =>
        requestEvent(box, { secretId, status, errorCode });
      await appendEvents(store, [
        row(200),
        row(299),
        row(301),
        row(404),
        row(503, 'credential_revoked'),
        row(null, 'upstream_unreachable'),
        connectionEvent(box, { secretId }),
        requestEvent(box, { secretId: randomUUID() }),
      ]);
      const statuses = async (status?: '2xx' | '3xx' | '4xx' | '5xx' | 'errors') => {
        const rows = await store.events.bySecret(secretId, { limit: 200, ...(status === undefined ? {} : { status }) });
        return rows.map((each) => each.status);
      };
      assert.deepEqual(await statuses(), [null, 503, 404, 301, 299, 200]);
      assert.deepEqual(await statuses('2xx'), [299, 200]);
      assert.deepEqual(await statuses('3xx'), [301]);
      assert.deepEqual(await statuses('4xx'), [404]);
      assert.deepEqual(await statuses('5xx'), [503]);
      assert.deepEqual(await statuses('errors'), [null, 503, 404]);
    });

    it('filters the rows of a sandbox by kind, by verdict and by time', async () => {
      const own = await newSandbox(store, await newTeam(store));
      const at = (minutes: number) => new Date(noon.getTime() + minutes * 60_000);
      await appendEvents(store, [connectionEvent(own, { verdict: 'allowed', ts: at(0), host: 'a' })]);
      await appendEvents(store, [
        requestEvent(own, { ts: at(1), host: 'b' }),
        connectionEvent(own, { verdict: 'blocked', ts: at(2), host: 'c' }),
      ]);
      await appendEvents(store, [connectionEvent(own, { verdict: 'failed', ts: at(3), host: 'd' })]);
      const hosts = async (page: Partial<Parameters<Store['events']['bySandbox']>[1]>) =>
        (await store.events.bySandbox(own.id, { limit: 10, ...page })).map(({ host }) => host).join('');
      assert.equal(await hosts({}), 'dcba');
      assert.equal(await hosts({ kinds: ['connection'] }), 'dca');
      assert.equal(await hosts({ kinds: ['request'] }), 'b');
      assert.equal(await hosts({ verdict: 'blocked' }), 'c');
      assert.equal(await hosts({ verdict: 'allowed', kinds: ['connection'] }), 'a');
      assert.equal(await hosts({ since: at(1) }), 'dcb', 'the time itself is in it');
      assert.equal(await hosts({ until: at(2) }), 'ba', 'the time itself is not in it');
      assert.equal(await hosts({ since: at(1), until: at(3), kinds: ['connection'] }), 'c');
    });

    it('finds what is younger than a time behind a request that began days before and ended last', async () => {
      const own = await newSandbox(store, await newTeam(store));
      const day = 24 * 60 * 60_000;
      const late = new Date(noon.getTime() + 3 * day);
      await appendEvents(store, [requestEvent(own, { ts: late, host: 'young' })]);
      await appendEvents(store, [requestEvent(own, { ts: noon, latencyMs: 3 * day + 1000, host: 'long' })]);
      const rows = await store.events.bySandbox(own.id, { limit: 10, since: new Date(late.getTime() - 1000) });
      assert.deepEqual(
        rows.map(({ host }) => host),
        ['young'],
      );
    });

    it('writes a batch larger than one statement, in its order', async () => {
      const secretId = randomUUID();
      const batch = Array.from({ length: 2500 }, (_, index) => requestEvent(box, { secretId, path: `/${index}` }));
      await appendEvents(store, batch);
      const rows = await store.events.bySecret(secretId, { limit: 5000 });
      assert.deepEqual(
        rows.map((each) => each.path),
        batch.map((each) => each.path).toReversed(),
      );
    });

    it('writes a batch wholly or not at all', async () => {
      const secretId = randomUUID();
      const [whole] = segmentsOf(Array.from({ length: 1500 }, () => requestEvent(box, { secretId })));
      assert.ok(whole !== undefined);
      for (const wrong of [{ count: 0 }, { count: 1.5 }, { count: Number.NaN }, { traits: 0.5 }]) {
        await assert.rejects(store.events.append([whole, { ...whole, ...wrong }]));
      }
      assert.deepEqual(await store.events.bySecret(secretId, { limit: 1 }), []);
      await appendEvents(store, []);
    });

    it('is not sunk by what a client may put into a path or host', async () => {
      const secretId = randomUUID();
      const odd = { secretId, path: '/\0/\ud800/\'"\\u0000/é/😀', host: 'x\0y', method: 'G\ud800T', latencyMs: 2 };
      await appendEvents(store, [requestEvent(box, odd)]);
      const [event] = await store.events.bySecret(secretId, { limit: 1 });
      assert.equal(event?.path, '/\ufffd/\ufffd/\'"\\u0000/é/😀');
      assert.equal(event?.host, 'x\ufffdy');
      assert.equal(event?.method, 'G\ufffdT');
      assert.equal(event?.latencyMs, 2);
    });

    it('gives every row once to a reader that pages while writers append from two stores', async (test) => {
      const url = await freshUrl();
      const stores = [await openFor(test, url), await openFor(test, url)];
      const [first] = stores;
      assert.ok(first !== undefined);
      const own = await newSandbox(first, await newTeam(first));
      const secretId = randomUUID();
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let round = 0; round < 12; round++) {
          const path = `/${writer}/${round}`;
          await appendEvents(stores[writer % 2] ?? first, [
            requestEvent(own, { secretId, path }),
            requestEvent(own, { secretId, path: `${path}/b` }),
          ]);
        }
      });
      // Once an id was seen, no lower one may ever appear: whoever pages down from it would have skipped that row.
      const seen = new Set<number>();
      let highest = 0;
      const done = Promise.all(writers).then(() => 'done');
      while ((await Promise.race([done, Promise.resolve()])) !== 'done') {
        const rows = await first.events.bySecret(secretId, { limit: 1000 });
        for (const { id } of rows) {
          assert.ok(seen.has(id) || id > highest, `row ${id} appeared after row ${highest} was seen`);
        }
        for (const { id } of rows) seen.add(id);
        highest = rows[0]?.id ?? highest;
      }
      const paged: StoredEvent[] = [];
      for (;;) {
        const last = paged.at(-1);
        const rows = await first.events.bySandbox(own.id, {
          limit: 7,
          ...(last === undefined ? {} : { before: last.id }),
        });
        if (rows.length === 0) break;
        paged.push(...rows);
      }
      const expected = Array.from({ length: 8 }, (_, writer) =>
        Array.from({ length: 12 }, (__, round) => [`/${writer}/${round}`, `/${writer}/${round}/b`]),
      ).flat(2);
      assert.deepEqual(paged.map((each) => each.path ?? '').toSorted(), expected.toSorted());
      assert.deepEqual(
        paged.map((each) => each.id),
        paged.map((each) => each.id).toSorted((a, b) => b - a),
      );
    });
  });
}
