import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TurnReader } from '../../../src/egress/turn-reader.ts';
import { Turns } from '../../../src/egress/turns.ts';

/** A reader of a sandbox beside which another is at work; `given` has what it handed on. */
function contended({ lends = true } = {}) {
  const turns = new Turns(() => 1);
  const socket = new Socket();
  const given: string[] = [];
  const kept: Buffer[] = [];
  const take = (bytes: Buffer) => {
    given.push(bytes.toString());
    kept.push(bytes);
  };
  const reader = new TurnReader(socket, turns.hold('loud'), { take, lends });
  turns.hold('quiet').enter(() => assert.fail());
  return { reader, socket, given, kept };
}

/** Reads single bytes, each out of a buffer that is written over at once, until one is held. */
function readUntilHeld(reader: TurnReader): number {
  const lent = Buffer.alloc(1);
  for (let count = 1; ; count++) {
    lent.write('x');
    reader.read(lent);
    lent.write('!');
    if (reader.isHolding) return count;
    assert.ok(count < 100, 'it is never made to wait');
  }
}

test('what is read past its turn is held in one piece, and the socket is not read until it was handed on', async () => {
  const { reader, socket, given } = contended();
  const count = readUntilHeld(reader);
  assert.ok(socket.isPaused());
  for (let more = 0; more < 50; more++) reader.read(Buffer.from('y'));
  assert.deepEqual(
    given,
    Array.from({ length: count - 1 }, () => 'x'),
  );
  while (reader.isHolding) await nextTurn();
  assert.deepEqual(given.slice(count - 1), [`x${'y'.repeat(50)}`]);
  assert.ok(!socket.isPaused());
});

test('its turn does not read a socket that is not to be read', async () => {
  const { reader, socket } = contended();
  readUntilHeld(reader);
  reader.pause();
  while (reader.isHolding) await nextTurn();
  assert.ok(socket.isPaused());
  reader.resume();
  assert.ok(!socket.isPaused());
});

test('a socket that waits for its turn is not read because somebody wants more', () => {
  const { reader, socket } = contended();
  readUntilHeld(reader);
  reader.pause();
  reader.resume();
  assert.ok(socket.isPaused());
});

test('what is held goes before the end, and what nobody wants goes nowhere', async () => {
  const { reader, given } = contended();
  const count = readUntilHeld(reader);
  reader.flush();
  assert.equal(given.length, count);
  reader.read(Buffer.from('z'));
  reader.drop();
  await nextTurn();
  await nextTurn();
  assert.equal(given.length, count);
});

test('whatever is held, in whatever pieces, is handed on as it came', async () => {
  for (const sizes of [[3, 5000, 1], [5000, 64 * 1024, 16 * 1024], [100_000, 64 * 1024, 64 * 1024, 1], [400_000]]) {
    const { reader, given } = contended();
    const count = readUntilHeld(reader);
    let expected = 'x';
    for (const [index, size] of sizes.entries()) {
      const lent = Buffer.alloc(size, String.fromCodePoint(0x61 + index));
      expected += lent.toString();
      reader.read(lent);
      lent.fill('!');
    }
    while (reader.isHolding) await nextTurn();
    assert.ok(given.slice(count - 1).join('') === expected, `held in pieces of ${sizes.join(', ')}`);
    assert.equal(given.length, count);
  }
});

test('what was held and not lent stays as it was, whoever is held next', async () => {
  const { reader, kept } = contended({ lends: false });
  readUntilHeld(reader);
  reader.read(Buffer.alloc(8000, 'a'));
  reader.flush();
  const given = kept.at(-1)?.toString();
  assert.equal(given, `x${'a'.repeat(8000)}`);
  for (let next = 0; next < 200; next++) {
    const other = contended().reader;
    readUntilHeld(other);
    other.read(Buffer.alloc(8000, 'b'));
    other.drop();
  }
  assert.equal(kept.at(-1)?.toString(), given);
});
