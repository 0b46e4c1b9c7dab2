import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DialError } from '../../../src/egress/dial-error.ts';
import { DialQueue, mostDials } from '../../../src/egress/dial-queue.ts';
import { refusal } from '../../../src/egress/refusals.ts';
import type { UpstreamLink } from '../../../src/egress/upstream-link.ts';
import type { UpstreamTarget } from '../../../src/egress/upstream.ts';

const target: UpstreamTarget = {
  key: 'one|https|api.example.com|443',
  sandboxId: 'one',
  host: 'api.example.com',
  port: 443,
  tls: true,
  prefers: 'http/1.1',
  judgeAddress: () => null,
};

/** A queue whose dials end when the test says so. */
function played({ maySuffice = false } = {}) {
  const dials: PromiseWithResolvers<UpstreamLink>[] = [];
  const free: string[] = [];
  const told: string[] = [];
  const kept: string[] = [];
  const state = { maySuffice, done: 0 };
  const links = new Map<UpstreamLink, string>();
  const link = (name: string): UpstreamLink => {
    const made: UpstreamLink = {
      address: '192.0.2.1',
      facts: { address: '192.0.2.1', port: 443, tls: null, alpn: null, dialled: 0, handshake: 0, used: false },
      handler: null,
      mayRepeat: false,
      takes: 'bytes',
      givesChunks: false,
      open: () => undefined,
      write: () => true,
      end: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      cut: () => undefined,
      release: () => void kept.push(name),
      destroy: () => undefined,
    };
    links.set(made, name);
    return made;
  };
  const queue = new DialQueue({
    dial: () => {
      const dial = Promise.withResolvers<UpstreamLink>();
      dials.push(dial);
      return dial.promise;
    },
    take: () => {
      const name = free.shift();
      return name === undefined ? null : link(name);
    },
    maySuffice: () => state.maySuffice,
    done: () => (state.done += 1),
  });
  const wait = (who: string) =>
    queue.wait({
      target,
      give: (given) => told.push(`${who} has ${links.get(given)}`),
      fail: (error) => told.push(`${who} ${error instanceof DialError ? error.refused.code : String(error)}`),
    });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    state,
    dials,
    told,
    kept,
    wait,
    /** A connection is given back. */
    free: async (name: string) => {
      free.push(name);
      queue.freed();
      await settle();
    },
    dialled: async (index: number, name: string) => {
      dials[index]?.resolve(link(name));
      await settle();
    },
    failed: async (index: number, code: 'upstream_timeout' | 'upstream_unreachable') => {
      dials[index]?.reject(new DialError(refusal(code, 'so it is'), null));
      await settle();
    },
  };
}

test('whoever waits gets a connection that is given back, and what was dialled for it is kept', async () => {
  const { wait, free, dialled, told, kept, state } = played();
  wait('a');
  await free('old');
  assert.deepEqual(told, ['a has old']);
  assert.equal(state.done, 0, 'a dial is under way');
  await dialled(0, 'new');
  assert.deepEqual(kept, ['new']);
  assert.equal(state.done, 1);
});

test('they are served in the order in which they came, whichever dial is first', async () => {
  const { wait, dialled, told } = played();
  for (const who of ['a', 'b', 'c']) wait(who);
  await dialled(2, 'third');
  await dialled(0, 'first');
  await dialled(1, 'second');
  assert.deepEqual(told, ['a has third', 'b has first', 'c has second']);
});

test('however many wait, only so many dials are under way, and each that ends makes room for another', async () => {
  const { wait, dials, dialled, failed, free } = played();
  for (let count = 0; count < 1000; count++) wait(String(count));
  assert.equal(dials.length, mostDials);
  await dialled(0, 'one');
  assert.equal(dials.length, mostDials + 1);
  await failed(1, 'upstream_unreachable');
  assert.equal(dials.length, mostDials + 2);
  await free('old');
  assert.equal(dials.length, mostDials + 2);
});

test('a stall is not followed by a dial for each who came meanwhile', async () => {
  const { wait, dials, free, told } = played();
  for (let count = 0; count < 500; count++) wait(String(count));
  // Those who are served give their connection to the next.
  for (let round = 0; round < 500; round++) await free(`old ${round % 8}`);
  assert.equal(told.length, 500);
  assert.equal(dials.length, mostDials);
});

test('a dial that fails at once is the end for one, and its reason is told', async () => {
  const { wait, failed, told, dialled } = played();
  wait('a');
  wait('b');
  await failed(1, 'upstream_unreachable');
  assert.deepEqual(told, ['a upstream_unreachable']);
  await dialled(0, 'one');
  assert.deepEqual(told, ['a upstream_unreachable', 'b has one']);
});

test('a dial that took all its time is the end for all who were there when it began, and for nobody else', async () => {
  const { wait, failed, told, dials } = played();
  for (let count = 0; count < mostDials + 30; count++) wait('early');
  await failed(0, 'upstream_unreachable');
  wait('late');
  assert.equal(dials.length, mostDials + 1);
  await failed(mostDials, 'upstream_timeout');
  assert.equal(told.filter((each) => each === 'early upstream_timeout').length, mostDials + 29);
  assert.equal(told.length, mostDials + 30);
});

test('where one connection may do for all, one is dialled, and its failure is told to all who waited for it', async () => {
  const { wait, failed, told, dials } = played({ maySuffice: true });
  for (const who of ['a', 'b', 'c']) wait(who);
  assert.equal(dials.length, 1);
  // The others came while it was under way: the next one is theirs.
  await failed(0, 'upstream_unreachable');
  assert.deepEqual(told, ['a upstream_unreachable']);
  assert.equal(dials.length, 2);
  await failed(1, 'upstream_unreachable');
  assert.deepEqual(told.slice(1), ['b upstream_unreachable', 'c upstream_unreachable']);
});

test('once an upstream has turned out to take one request at a time, each who waits has a dial', async () => {
  const { wait, dialled, dials, state, told } = played({ maySuffice: true });
  for (const who of ['a', 'b', 'c', 'd']) wait(who);
  assert.equal(dials.length, 1);
  state.maySuffice = false;
  await dialled(0, 'one');
  assert.deepEqual(told, ['a has one']);
  assert.equal(dials.length, 4);
});

test('a queue that nobody waits in says so', async () => {
  const { wait, dialled, failed, state } = played();
  wait('a');
  await dialled(0, 'one');
  assert.equal(state.done, 1);
  wait('b');
  await failed(1, 'upstream_unreachable');
  assert.equal(state.done, 2);
});
