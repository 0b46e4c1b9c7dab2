import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { after, noon, openFor } from './fixtures.ts';
import type { StoreSetup } from './fixtures.ts';

export function runSuite({ kind, freshUrl }: StoreSetup): void {
  describe(`${kind}: runs of servers`, () => {
    const run = (server: string) => ({ id: randomUUID(), server, settledAt: noon });

    it('are seen by others with how often they have said that they run, until they end', async (test) => {
      const { runs } = await openFor(test, await freshUrl());
      const [own, other] = [run('here'), run('there')];
      await runs.beat(own);
      await runs.beat(other);
      const [{ beats, ...found } = { beats: 0 }] = await runs.others(own.id);
      assert.deepEqual(found, other);
      await runs.beat({ ...other, settledAt: after(5000) });
      assert.deepEqual(await runs.others(own.id), [{ ...other, settledAt: after(5000), beats: beats + 1 }]);
      await runs.end(other.id);
      assert.deepEqual(await runs.others(own.id), []);
      assert.equal((await runs.others(other.id))[0]?.id, own.id);
      await runs.beat(other);
      assert.notEqual((await runs.others(own.id))[0]?.beats, beats, 'one that is written anew is told from the old');
    });

    it('are taken over by one server alone, and not where they still run', async (test) => {
      const url = await freshUrl();
      const [{ runs }, { runs: elsewhere }] = [await openFor(test, url), await openFor(test, url)];
      const dead = run('gone');
      await runs.beat(dead);
      const [found] = await runs.others('');
      assert.ok(found !== undefined);
      const taken = await Promise.all([runs.takeOver(found, 'one'), elsewhere.takeOver(found, 'two')]);
      assert.deepEqual(taken.toSorted(), [false, true]);
      const [left] = await runs.others('');
      assert.equal(left?.server, taken[0] ? 'one' : 'two');
      assert.deepEqual(left?.settledAt, noon, 'up to when all is kept stays known');
      await runs.beat(dead);
      assert.equal(await runs.takeOver(left, 'three'), false, 'it has said that it runs');
      await runs.end(dead.id);
      assert.equal(await runs.takeOver(found, 'three'), false);
    });
  });
}
