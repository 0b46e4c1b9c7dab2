import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Store } from '../../../../src/store/store.ts';
import { after, appendEvents, connectionEvent, newSandbox, newTeam, noon, openFor, requestEvent } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

const minute = { width: 60, from: new Date(0), to: new Date('2100-01-01T00:00:00Z') };

async function countAll(store: Store): Promise<void> {
  while (await store.activity.rollUp()) {
    // Until there is nothing left to count.
  }
}

export function activitySuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: figures of the trail`, () => {
    it('count each request once, whatever became of it, and each use of a secret', async (test) => {
      const store = await openFor(test, await freshUrl());
      const team = await newTeam(store);
      const box = await newSandbox(store, team, { name: 'worker' });
      const [one, two] = [randomUUID(), randomUUID()];
      await appendEvents(store, [
        requestEvent(box, { secretId: one }),
        requestEvent(box, { secretId: two }),
        connectionEvent(box),
        requestEvent(box, { secretId: one, status: 403, upstreamStatus: null, errorCode: 'credential_host_mismatch' }),
        requestEvent(box, { status: 504, upstreamStatus: null, errorCode: 'upstream_timeout', latencyMs: 10_000 }),
        requestEvent(box, { status: 500, upstreamStatus: 500, latencyMs: 900 }),
        requestEvent(box, { kind: 'tripwire', secretId: one, errorCode: 'credential_host_mismatch' }),
        requestEvent(box, { ts: after(60_000) }),
      ]);
      await countAll(store);
      await countAll(store);
      const totals = await store.activity.totals(team.id, minute);
      assert.deepEqual(
        totals.map(({ requests, refusals, failures, tripwires }) => [requests, refusals, failures, tripwires]),
        [
          [4, 1, 2, 1],
          [1, 0, 0, 0],
        ],
      );
      assert.deepEqual(totals[1]?.percentiles, { p50: 12, p95: 12, p99: 12 });
      const slow = totals[0]?.percentiles?.p99 ?? 0;
      assert.ok(Math.abs(slow - 900) <= 45, `${slow} is within 5% of 900`);
      const hours = await store.activity.secretUses([one, two], { width: 3600, from: new Date(0) });
      assert.deepEqual(
        new Set(hours.map(({ secretId, uses, refusals }) => `${secretId === one ? 'one' : 'two'} ${uses} ${refusals}`)),
        new Set(['one 1 1', 'two 1 0']),
      );
    });

    it('have the uses of a secret by stretches of any number of hours, from a time on', async (test) => {
      const store = await openFor(test, await freshUrl());
      const box = await newSandbox(store, await newTeam(store));
      const secretId = randomUUID();
      const hour = 3_600_000;
      // A stretch of six hours begins with that of noon.
      const begins = Math.floor(noon.getTime() / hour) * hour;
      for (const hours of [-1, 0, 5, 6, 6]) {
        await appendEvents(store, [requestEvent(box, { secretId, ts: after(hours * hour) })]);
      }
      await countAll(store);
      const from = async (at: Date) => {
        const uses = await store.activity.secretUses([secretId, randomUUID()], { width: 21_600, from: at });
        return uses
          .toSorted((a, b) => a.at.getTime() - b.at.getTime())
          .map((each) => [(each.at.getTime() - begins) / hour, each.uses, each.refusals]);
      };
      assert.deepEqual(await from(new Date(0)), [
        [-6, 1, 0],
        [0, 2, 0],
        [6, 2, 0],
      ]);
      assert.deepEqual(await from(new Date(begins)), [
        [0, 2, 0],
        [6, 2, 0],
      ]);
    });

    it('are added to by whoever comes later, and are the same when many count at once', async (test) => {
      const url = await freshUrl();
      const store = await openFor(test, url);
      const team = await newTeam(store);
      const box = await newSandbox(store, team);
      for (let round = 0; round < 5; round++) {
        await appendEvents(
          store,
          Array.from({ length: 700 }, () => requestEvent(box)),
        );
        await Promise.all([store.activity.rollUp(), store.activity.rollUp(), store.activity.rollUp()]);
      }
      await countAll(store);
      const [total] = await store.activity.totals(team.id, minute);
      assert.equal(total?.requests, 3500);
    });

    it('are kept for somewhat longer than they are shown', async (test) => {
      const store = await openFor(test, await freshUrl());
      const team = await newTeam(store);
      const box = await newSandbox(store, team);
      const secretId = randomUUID();
      const days = (count: number) => ({ secretId, ts: after(count * 24 * 3_600_000) });
      await appendEvents(store, [requestEvent(box, days(0))]);
      await countAll(store);
      await appendEvents(store, [requestEvent(box, days(20))]);
      await countAll(store);
      const hoursOf = async () =>
        (await store.activity.secretUses([secretId], { width: 3600, from: new Date(0) })).length;
      const totalsOf = async (width: number) => (await store.activity.totals(team.id, { ...minute, width })).length;
      assert.deepEqual([await hoursOf(), await totalsOf(3600), await totalsOf(60)], [2, 2, 1]);
      await appendEvents(store, [requestEvent(box, days(40))]);
      await countAll(store);
      assert.deepEqual([await hoursOf(), await totalsOf(3600), await totalsOf(60)], [2, 2, 1]);
    });

    it('count the busiest also in a stretch in which it was not among the busiest', async (test) => {
      const store = await openFor(test, await freshUrl());
      const team = await newTeam(store);
      const box = await newSandbox(store, team);
      const stretches = [{ x: 10 }, { y: 5, z: 4, w: 3, x: 1 }];
      await appendEvents(
        store,
        stretches.flatMap((hosts, at) =>
          Object.entries(hosts).flatMap(([host, count]) =>
            Array.from({ length: count }, () => requestEvent(box, { host, ts: after(at * 300_000) })),
          ),
        ),
      );
      await countAll(store);
      const query = { width: 300, from: noon, to: after(1_800_000), limit: 1 };
      const { edges, capped } = await store.activity.busiest(team.id, query);
      assert.deepEqual([edges[0]?.host, edges[0]?.requests, edges.length, capped], ['x', 11, 1, true]);
    });

    it('name the busiest of sandbox, secret and host with exact counts, and say where there are more', async (test) => {
      const store = await openFor(test, await freshUrl());
      const team = await newTeam(store);
      const [busy, calm] = [await newSandbox(store, team, { name: 'busy' }), await newSandbox(store, team)];
      const secretId = randomUUID();
      const events = [];
      // Spread over stretches, so that no stretch alone has the busiest.
      for (let stretch = 0; stretch < 5; stretch++) {
        for (let host = 0; host < 12; host++) {
          for (let n = 0; n <= host; n++) {
            events.push(requestEvent(busy, { secretId, host: `h${host}.example.com`, ts: after(stretch * 300_000) }));
          }
        }
        events.push(requestEvent(calm, { ts: after(stretch * 300_000), errorCode: 'host_denied', status: 403 }));
      }
      await appendEvents(store, events);
      await countAll(store);
      await store.sandboxes.remove(calm.id, noon);
      const query = { width: 300, from: noon, to: after(1_800_000) };
      const few = await store.activity.busiest(team.id, { ...query, limit: 3 });
      assert.deepEqual(
        few.edges.map(({ host, requests, sandboxName }) => [host, requests, sandboxName]),
        [
          ['h11.example.com', 60, 'busy'],
          ['h10.example.com', 55, 'busy'],
          ['h9.example.com', 50, 'busy'],
        ],
      );
      assert.equal(few.capped, true);
      const many = await store.activity.busiest(team.id, { ...query, limit: 50 });
      assert.equal(many.edges.length, 13);
      assert.equal(many.capped, false);
      const refused = many.edges.find(({ sandboxId }) => sandboxId === calm.id);
      assert.deepEqual([refused?.requests, refused?.refusals, refused?.secretId], [5, 5, null]);
      assert.equal(refused?.sandboxName, null, 'it was deleted');
    });
  });
}
