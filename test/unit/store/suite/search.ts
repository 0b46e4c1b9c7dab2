import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after as afterAll, before, describe, it } from 'node:test';
import { OpenSegment } from '../../../../src/audit-rows.ts';
import { openStore } from '../../../../src/store/open.ts';
import type { SandboxRecord, Store, TeamRecord } from '../../../../src/store/store.ts';
import type { EventSearch, StoredEvent } from '../../../../src/store/trail.ts';
import { after, appendEvents, connectionEvent, newSandbox, newTeam, noon, requestEvent } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

const all: EventSearch = { limit: 50, kinds: ['request', 'tripwire'] };

export function searchSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: a search of a team's events`, () => {
    let store: Store;
    let team: TeamRecord;
    let box: SandboxRecord;
    before(async () => {
      store = await openStore(await freshUrl());
      team = await newTeam(store);
      box = await newSandbox(store, team, { name: 'worker' });
    });
    afterAll(() => store.close());

    async function every(query: EventSearch): Promise<StoredEvent[]> {
      const events: StoredEvent[] = [];
      let cursor: number | undefined;
      for (;;) {
        const page = await store.events.search(team.id, {
          ...query,
          ...(cursor === undefined ? {} : { before: cursor }),
        });
        events.push(...page.events);
        if (page.next === null) return events;
        assert.ok(cursor === undefined || page.next < cursor, 'each page goes on');
        cursor = page.next;
      }
    }

    it('finds requests and tripwires of all its sandboxes, newest first, and no connection or other team', async () => {
      const second = await newSandbox(store, team);
      const foreign = await newSandbox(store, await newTeam(store));
      await appendEvents(store, [requestEvent(box, { path: '/1' }), connectionEvent(box)]);
      await appendEvents(store, [requestEvent(foreign), requestEvent(second, { path: '/2' })]);
      const found = await every({ ...all, limit: 1 });
      assert.deepEqual(
        found.map(({ path }) => path),
        ['/2', '/1'],
      );
      assert.equal(found[1]?.sandboxName, 'worker');
    });

    it('is narrowed by sandbox, secret, host, verdict, status and time', async () => {
      const own = await newSandbox(store, team);
      const secretId = randomUUID();
      await appendEvents(store, [
        requestEvent(own, { path: '/a', secretId }),
        requestEvent(own, { path: '/b', host: 'other.example.com', status: 404 }),
        requestEvent(own, { path: '/c', status: 403, upstreamStatus: null, errorCode: 'host_denied' }),
        requestEvent(own, { path: '/d', status: 502, upstreamStatus: null, errorCode: 'upstream_timeout' }),
        requestEvent(own, { path: '/e', ts: after(60_000) }),
      ]);
      const paths = async (query: Partial<EventSearch>) =>
        (await every({ ...all, sandboxId: own.id, ...query })).map(({ path }) => path).join('');
      assert.equal(await paths({}), '/e/d/c/b/a');
      assert.equal(await paths({ secretId }), '/a');
      assert.equal(await paths({ host: 'other.example.com' }), '/b');
      assert.equal(await paths({ verdict: 'blocked' }), '/c');
      assert.equal(await paths({ verdict: 'failed' }), '/d');
      assert.equal(await paths({ verdict: 'allowed' }), '/e/b/a');
      assert.equal(await paths({ status: 'errors' }), '/d/c/b');
      assert.equal(await paths({ status: '4xx' }), '/c/b');
      assert.equal(await paths({ since: after(1) }), '/e');
      assert.equal(await paths({ until: after(1) }), '/d/c/b/a');
      assert.equal(await paths({ kinds: ['tripwire'] }), '');
    });

    it('stops on its way where little is wanted of much, and goes on from there to the end', async () => {
      const own = await newSandbox(store, team);
      const secretId = randomUUID();
      await appendEvents(store, [requestEvent(own, { path: '/needle', secretId, host: 'needle.example.com' })]);
      for (let round = 0; round < 12; round++) {
        await appendEvents(
          store,
          Array.from({ length: 2000 }, () => requestEvent(own)),
        );
      }
      const query = { ...all, host: 'needle.example.com' };
      const first = await store.events.search(team.id, query);
      assert.deepEqual(first.events, [], 'not found at once');
      assert.ok(first.next !== null, 'but there is more');
      assert.deepEqual(
        (await every(query)).map(({ path }) => path),
        ['/needle'],
      );
      assert.equal((await store.events.verify()).broken, null);
    });

    it('is told what came after an id, oldest first, without the events of others', async () => {
      const lastId = await store.events.lastId();
      const foreign = await newSandbox(store, await newTeam(store));
      assert.deepEqual(await store.events.after(team.id, lastId, all), { events: [], lastId });
      await appendEvents(store, [
        requestEvent(box, { path: '/first' }),
        requestEvent(foreign),
        requestEvent(box, { path: '/second' }),
      ]);
      const told = await store.events.after(team.id, lastId, all);
      assert.deepEqual(
        told.events.map(({ path }) => path),
        ['/first', '/second'],
      );
      assert.equal(told.lastId, lastId + 3);
      const rest = await store.events.after(team.id, lastId + 1, all);
      assert.deepEqual(
        rest.events.map(({ path }) => path),
        ['/second'],
      );
    });

    it('explains all rows of one request, old ones without details, and nothing of another team', async () => {
      const [one, two] = [randomUUID(), randomUUID()];
      await appendEvents(store, [
        requestEvent(box, { secretId: one }),
        requestEvent(box, { secretId: two }),
        requestEvent(box, { path: '/other' }),
      ]);
      const last = await store.events.lastId();
      for (const id of [last - 2, last - 1]) {
        const rows = await store.events.explained(team.id, id);
        assert.deepEqual(
          rows.map(({ secretId, details }) => [secretId, details]),
          [
            [one, null],
            [two, null],
          ],
        );
      }
      assert.deepEqual(await store.events.explained(randomUUID(), last), []);
      assert.deepEqual(await store.events.explained(team.id, last + 1), []);
      const segment = new OpenSegment(requestEvent(box));
      const head = ['POST', '/v1', 200, 200, 12, null] as const;
      const facts = ['API_KEY header authorization', null, '203.0.113.7', 443, 'TLSv1.3', 'h2'] as const;
      segment.push(['exchange', noon.getTime(), segment.numberOf(one), 'h', ...head, facts, [1, 2, 3, 100, 9, 8]]);
      segment.push(['exchange', noon.getTime(), segment.numberOf(two), 'h', ...head, 0, null]);
      segment.push(['exchange', noon.getTime(), segment.numberOf(one), 'h', ...head, 0, [1, 2, 3, 50], [0, 2]]);
      await store.events.append([segment.close()]);
      const id = await store.events.lastId();
      const second = await store.events.explained(team.id, id - 1);
      assert.deepEqual(
        second.map(({ details }) => details),
        [
          { facts, steps: [1, 2, 3, 100, 9, 8], scrubbed: null },
          { facts, steps: null, scrubbed: null },
        ],
      );
      const [third] = await store.events.explained(team.id, id);
      assert.deepEqual(third?.details, { facts, steps: [1, 2, 3, 50], scrubbed: [0, 2] });
      assert.equal((await store.events.verify()).broken, null, 'old and new events are one chain');
    });
  });
}
