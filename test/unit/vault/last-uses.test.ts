import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { createLogger } from '../../../src/log.ts';
import type { Store } from '../../../src/store/store.ts';
import { LastUses } from '../../../src/vault/last-uses.ts';

type Use = Parameters<Store['secrets']['touch']>[0][number];

/** Last uses, with what reached the store; while `fails`, nothing does. */
function scene(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const written: string[][] = [];
  const state = { fails: false };
  const touch = async (uses: Use[]) => {
    if (state.fails) throw new Error('the disk is full');
    written.push(uses.map(({ id, at }) => `${id}@${at.getTime()}`));
    await Promise.resolve();
  };
  const uses = new LastUses({ secrets: { touch }, logger: createLogger({ level: 'silent' }) });
  return { uses, written, state, second: () => t.mock.timers.tick(1000) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('when secrets were last used', () => {
  it('is written at once at the first use, and once for all that follow within a second', async (t) => {
    const { uses, written, second } = scene(t);
    await uses.note([['a', 1]]);
    assert.deepEqual(written, [['a@1']]);
    await uses.note([
      ['a', 5],
      ['b', 3],
    ]);
    assert.deepEqual(written[1], ['b@3'], 'each secret by itself');
    await uses.note([
      ['a', 4],
      ['b', 6],
    ]);
    assert.equal(written.length, 2);
    second();
    assert.deepEqual(written[2], ['a@5', 'b@6'], 'the latest of each');
    await turn();
    second();
    await uses.note([['a', 9]]);
    assert.deepEqual(written[3], ['a@9'], 'after a quiet second it is written at once again');
  });

  it('is written at the end, and nothing is where there is nothing', async (t) => {
    const { uses, written } = scene(t);
    await uses.settle();
    await uses.note([]);
    assert.deepEqual(written, []);
    await uses.note([['a', 1]]);
    await uses.note([['a', 2]]);
    await uses.settle();
    assert.deepEqual(written, [['a@1'], ['a@2']]);
  });

  it('waits where it could not be written, and the one that wanted it written hears of that', async (t) => {
    const { uses, written, state, second } = scene(t);
    state.fails = true;
    await assert.rejects(uses.note([['a', 1]]), /the disk is full/);
    await uses.note([['a', 2]]);
    second();
    await turn();
    assert.deepEqual(written, []);
    state.fails = false;
    second();
    await turn();
    assert.deepEqual(written, [['a@2']]);
  });
});
