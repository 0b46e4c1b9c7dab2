import assert from 'node:assert/strict';
import { after as afterAll, before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { openStore } from '../../../../src/store/open.ts';
import type { SandboxRecord, Store, TeamRecord } from '../../../../src/store/store.ts';
import type { EventRecord } from '../../../../src/store/trail.ts';
import { readNetworkLog } from '../../../../src/vault/network-log.ts';
import type { NetworkLogQuery } from '../../../../src/vault/types.ts';
import { after, appendEvents, connectionEvent, newSandbox, newTeam, requestEvent } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

/** Few times, so that most tie, and of others' sandboxes too. */
const anyEvent = fc.record({
  own: fc.nat(4).map((number) => number > 0),
  isConnection: fc.boolean(),
  at: fc.constantFrom(0, 0, 1, 2, 1000),
  verdict: fc.constantFrom('allowed' as const, 'blocked' as const, 'failed' as const),
});
const anyBatch = fc.array(anyEvent, { minLength: 1, maxLength: 12 });
const anyTime = fc.option(fc.constantFrom(0, 1, 2, 3, 1000, 1001), { nil: undefined });
const anyQuery = fc.record({
  limit: fc.integer({ min: 1, max: 6 }),
  since: anyTime,
  until: anyTime,
  verdict: fc.option(fc.constantFrom('allowed' as const, 'blocked' as const, 'failed' as const), { nil: undefined }),
});

type AnyEvent = typeof anyEvent extends fc.Arbitrary<infer Event> ? Event : never;

export function networkLogSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: the pages of a network log`, () => {
    let store: Store;
    let team: TeamRecord;
    let other: SandboxRecord;
    before(async () => {
      store = await openStore(await freshUrl());
      team = await newTeam(store);
      other = await newSandbox(store, team);
    });
    afterAll(() => store.close());

    it('have each row that was there once, in its place, and none that came later, however times tie', async () => {
      const history = fc.array(anyBatch, { minLength: 1, maxLength: 6 });
      const property = fc.asyncProperty(history, anyQuery, fc.array(anyBatch, { maxLength: 4 }), checkPages);
      await fc.assert(property, { numRuns: 60 });
    });

    async function checkPages(
      history: AnyEvent[][],
      { since, until, verdict, limit }: typeof anyQuery extends fc.Arbitrary<infer Query> ? Query : never,
      later: AnyEvent[][],
    ): Promise<void> {
      const box = await newSandbox(store, team);
      let count = 0;
      const append = async (batch: AnyEvent[]) => {
        const events = batch.map(({ own, isConnection, at, verdict: of }) => {
          const common = { ts: after(at), host: `n${(count += 1)}.example.com` };
          const whose = own ? box : other;
          return isConnection ? connectionEvent(whose, { ...common, verdict: of }) : requestEvent(whose, common);
        });
        await appendEvents(store, events);
        return events;
      };
      const written: EventRecord[] = [];
      for (const batch of history) written.push(...(await append(batch)));
      const wanted = written
        .filter((event) => event.sandboxId === box.id)
        .filter((event) => verdict === undefined || event.verdict === verdict)
        .filter(({ ts }) => (since === undefined || ts >= after(since)) && (until === undefined || ts < after(until)))
        .map(({ host }) => host)
        .toReversed();

      const query: NetworkLogQuery = {
        limit,
        ...(since === undefined ? {} : { since: after(since) }),
        ...(until === undefined ? {} : { before: after(until).toISOString() }),
        ...(verdict === undefined ? {} : { verdict }),
      };
      const seen: string[] = [];
      for (let page = await readNetworkLog(store, box.id, query); ;) {
        const times = page.rows.map(({ ts }) => ts.getTime());
        assert.deepEqual(
          times,
          times.toSorted((a, b) => b - a),
        );
        // Which rows a page has is by their numbers; within it they stand by their times.
        seen.push(...page.rows.toSorted((a, b) => b.id - a.id).map(({ host }) => host));
        if (page.nextCursor === null) break;
        assert.equal(page.rows.length, limit);
        await append(later.shift() ?? []);
        page = await readNetworkLog(store, box.id, { ...query, before: page.nextCursor });
      }
      assert.deepEqual(seen, wanted);
    }
  });
}
