import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findHeadEnd, maxHeadBytes } from '../../../src/egress/wire/head-end.ts';
import { WireError } from '../../../src/egress/wire/wire-error.ts';

const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\n', 'latin1');
const headLength = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.length;

test('a head is whole with its last byte, not before', () => {
  for (let end = 0; end <= bytes.length; end++) {
    assert.equal(findHeadEnd(bytes, 0, end), end < headLength ? -1 : headLength, `${end} bytes`);
  }
});

test('what the buffer still holds from before, past the end of what was read, is not seen', () => {
  const reused = Buffer.concat([Buffer.from('GET / HT'), Buffer.from('\r\n\r\n\n\n')]);
  assert.equal(findHeadEnd(reused, 0, 8), -1);
});

test('a head that begins inside the buffer is measured from there', () => {
  const padded = Buffer.concat([Buffer.from('x\n\r\n\r\n'), bytes]);
  assert.equal(findHeadEnd(padded, 6, padded.length), 6 + headLength);
});

test('a bare LF is refused before the head is whole', () => {
  for (const text of ['GET / HTTP/1.1\n', 'GET / HTTP/1.1\r\nHost: a\n\n', '\n', 'GET / HTTP/1.1\r\nHost: a\r\n\n']) {
    const part = Buffer.from(text, 'latin1');
    const found = findHeadEnd(part, 0, part.length);
    assert.ok(found instanceof WireError && found.status === 400, JSON.stringify(text));
  }
});

test('a head may have 64 KiB, with its last byte or without, and not one more', () => {
  const start = 'GET / HTTP/1.1\r\nA: ';
  const fits = Buffer.from(`${start.padEnd(maxHeadBytes - 4, 'a')}\r\n\r\n`);
  assert.equal(findHeadEnd(fits, 0, fits.length), maxHeadBytes);
  const over = Buffer.from(`${start.padEnd(maxHeadBytes - 3, 'a')}\r\n\r\n`);
  for (const end of [over.length, maxHeadBytes + 1]) {
    const found = findHeadEnd(over, 0, end);
    assert.ok(found instanceof WireError && found.status === 431);
  }
  assert.equal(findHeadEnd(over, 0, maxHeadBytes), -1);
});
