import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import type { Share } from '../../../src/egress/turns.ts';
import { Turns, mostHandshakes } from '../../../src/egress/turns.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const unexpected = () => assert.fail('it was let in at once');

/** The shares of two sandboxes, the second of which has just been let in. `clock`: in milliseconds, of how long work takes. */
function twoAtWork(clock?: () => number): [Share, Share] {
  const turns = new Turns(() => 1, undefined, clock);
  const [a, b] = [turns.hold('a'), turns.hold('b')];
  b.enter(unexpected);
  return [a, b];
}

test('a sandbox that is alone does what it can', () => {
  const share = new Turns(() => 1).hold('a');
  for (let piece = 0; piece < 10_000; piece++) assert.ok(share.enter(unexpected));
});

test('where two are at work, neither does more than a few pieces before the other has had its turn', async () => {
  const turns = new Turns(() => 1);
  const [loud, quiet] = [turns.hold('loud'), turns.hold('quiet')];
  quiet.enter(unexpected);
  const done: string[] = [];
  let taken = 0;
  for (let piece = 0; piece < 100; piece++) taken += Number(loud.enter(() => done.push('loud')));
  assert.ok(taken < 20, `${taken} pieces in one turn`);
  let turnsWaited = 0;
  while (done.length < 100 - taken) {
    const before = done.length;
    await nextTurn();
    turnsWaited += 1;
    assert.ok(done.length - before < 20);
    assert.ok(quiet.enter(unexpected), 'the quiet one is let in within each turn');
  }
  assert.ok(turnsWaited > 5);
});

test('pieces of one sandbox keep their order', async () => {
  const [a] = twoAtWork();
  const done: number[] = [];
  for (let piece = 0; piece < 50; piece++) if (a.enter(() => done.push(piece))) done.push(piece);
  while (done.length < 50) await nextTurn();
  assert.deepEqual(
    done,
    done.toSorted((one, two) => one - two),
  );
});

test('a heavy piece uses up a turn', () => {
  const [a] = twoAtWork();
  assert.ok(a.enter(unexpected, 8));
  assert.ok(!a.enter(() => undefined, 8));
});

test('heavy pieces that wait are heavy when their turn comes: one a turn', async () => {
  const [a] = twoAtWork();
  let done = 0;
  for (let piece = 0; piece < 6; piece++) a.enter(() => (done += 1), 8);
  for (let before = 0; before < 5; before = done) {
    await nextTurn();
    assert.ok(done - before <= 1, `${done - before} in one turn`);
  }
});

test('strangers take turns beside a sandbox that is alone, which does what it can', async () => {
  const turns = new Turns(() => 1);
  const sandbox = turns.hold('a');
  const { share: strangers } = turns.holdStranger(new Socket());
  let taken = 0;
  const later: number[] = [];
  for (let piece = 0; piece < 100; piece++) {
    taken += Number(strangers.enter(() => later.push(piece)));
    for (let many = 0; many < 100; many++) assert.ok(sandbox.enter(unexpected));
  }
  assert.ok(taken < 20, `${taken} in one turn`);
  while (later.length < 100 - taken) {
    const before = later.length;
    await nextTurn();
    assert.ok(later.length - before < 20);
    assert.ok(sandbox.enter(unexpected));
  }
});

test('the share of strangers is given back once, by whoever leaves or by the socket that closes', () => {
  const turns = new Turns(() => 1);
  const [first, second] = [new Socket(), new Socket()];
  const { share, leave } = turns.holdStranger(first);
  assert.equal(turns.holdStranger(second).share, share);
  leave();
  leave();
  first.emit('close');
  assert.equal(share.holders, 1);
  second.emit('close');
  assert.equal(share.holders, 0);
});

test('so many handshakes of one sandbox are under way at once, and each that ends lets the next begin', async () => {
  const share = new Turns(() => 1).hold('a');
  const begun: number[] = [];
  for (let number = 0; number < mostHandshakes + 3; number++) {
    if (share.enterHandshake(() => begun.push(number))) begun.push(number);
  }
  assert.equal(begun.length, mostHandshakes);
  share.endHandshake();
  share.endHandshake();
  await nextTurn();
  assert.deepEqual(begun.slice(mostHandshakes), [mostHandshakes, mostHandshakes + 1]);
});

test('a piece that took longer than pieces do is paid for by the turns that follow', async () => {
  let clock = 1;
  const [a, b] = twoAtWork(() => clock);
  assert.ok(a.enter(unexpected));
  const begun = a.begin();
  clock += 2;
  a.end(begun, 0);
  let waited = 0;
  const done: true[] = [];
  assert.ok(!a.enter(() => done.push(true)));
  for (; done.length === 0; waited++) {
    assert.ok(b.enter(unexpected), 'the other one does not wait');
    await nextTurn();
  }
  // 2 ms are 40 pieces, 2 a turn.
  assert.equal(waited, 20);
});

test('a piece of many bytes is paid for, though it took no time: it will take some to write', async () => {
  const [a, b] = twoAtWork(() => 1);
  assert.ok(a.enter(unexpected));
  a.end(a.begin(), 64 * 1024);
  const done: true[] = [];
  assert.ok(!a.enter(() => done.push(true)));
  let waited = 0;
  for (; done.length === 0; waited++) {
    assert.ok(b.enter(unexpected), 'the other one does not wait');
    await nextTurn();
  }
  // 64 KB are four pieces, 2 a turn.
  assert.equal(waited, 2);
});

test('what is owed is owed for a few milliseconds of turns, however long a piece took', async () => {
  let clock = 1;
  const [a] = twoAtWork(() => clock);
  a.enter(unexpected);
  const begun = a.begin();
  clock += 10_000;
  a.end(begun, 0);
  const done: true[] = [];
  a.enter(() => done.push(true));
  let waited = 0;
  for (; done.length === 0; waited++) await nextTurn();
  assert.ok(waited < 100, `${waited} turns`);
});

test('a sandbox that is alone owes nothing', () => {
  const share = new Turns(() => 1).hold('a');
  for (let piece = 0; piece < 1000; piece++) {
    const begun = share.begin();
    share.end(begun, 0);
    share.charge(1000);
    assert.ok(share.enter(unexpected));
  }
  assert.equal(share.spent, 0);
});

test('when the other has gone quiet, the one that is left is alone again', async () => {
  let now = 1;
  const turns = new Turns(() => now);
  const [a, b] = [turns.hold('a'), turns.hold('b')];
  a.enter(unexpected);
  b.enter(unexpected);
  a.enter(unexpected);
  now = 10_000;
  await nextTurn();
  for (let piece = 0; piece < 1000; piece++) assert.ok(a.enter(unexpected));
});

test('a share that nobody holds is forgotten', () => {
  const turns = new Turns(() => 1);
  const first = turns.hold('a');
  assert.equal(turns.hold('a'), first);
  turns.release('a');
  assert.equal(turns.hold('a'), first);
  turns.release('a');
  turns.release('a');
  assert.notEqual(turns.hold('a'), first);
});

const limits = { connections: 2, requestsPerSecond: 3, bytesPerSecond: 1000, headBytes: 65_536 };

test('requests beyond the limit of a second are too many, and the next second is another', () => {
  let now = 1000;
  const share = new Turns(() => now, limits).hold('a');
  assert.deepEqual(
    [1, 2, 3, 4].map(() => share.takeRequest()),
    [true, true, true, false],
  );
  now = 2000;
  assert.ok(share.takeRequest());
});

test('a sandbox that has used up its bytes waits, also alone, until a second that pays for them', async () => {
  let now = 1000;
  const turns = new Turns(() => now, limits);
  const share = turns.hold('a');
  assert.ok(share.enter(unexpected));
  share.takeBytes(2500);
  let gone = 0;
  assert.ok(!share.enter(() => (gone += 1)));
  for (now of [1000, 2000]) {
    turns.sweep();
    await nextTurn();
    assert.equal(gone, 0, `at ${now}`);
  }
  now = 3000;
  turns.sweep();
  await nextTurn();
  assert.equal(gone, 1);
  assert.ok(share.enter(unexpected));
});

test('tunnels are counted from their opening to their close', () => {
  const turns = new Turns(() => 1, limits);
  const sockets = [new Socket(), new Socket()];
  for (const socket of sockets) {
    assert.ok(!turns.isFull('a'));
    turns.holdTunnel('a', socket);
  }
  assert.ok(turns.isFull('a'));
  assert.ok(!turns.isFull('b'));
  sockets[0]?.emit('close');
  assert.ok(!turns.isFull('a'));
});
