import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findHeadEnd, maxHeadBytes } from '../../../src/egress/wire/head-end.ts';
import { WireError } from '../../../src/egress/wire/wire-error.ts';

const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\n', 'latin1');
const headLength = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.length;

test('a head is whole with its last byte, not before', () => {
  for (let end = 0; end <= bytes.length; end++) {
    assert.equal(findHeadEnd(bytes.subarray(0, end), 0), end < headLength ? -1 : headLength, `${end} bytes`);
  }
});

test('what was searched before is not searched again, and hides nothing that lies across', () => {
  for (let searched = 0; searched < headLength; searched++) {
    for (let end = searched; end <= bytes.length; end++) {
      const found = findHeadEnd(bytes.subarray(0, end), 0, { searched });
      assert.equal(found, end < headLength ? -1 : headLength, `${searched} of ${end} bytes`);
    }
  }
  const bare = Buffer.from('GET / HTTP/1.1\r\nA: b\nB: c\r\n');
  const found = findHeadEnd(bare, 0, { searched: bare.indexOf('\nB') });
  assert.ok(found instanceof WireError && found.status === 400);
});

test('a head that begins inside the buffer is measured from there', () => {
  const padded = Buffer.concat([Buffer.from('x\n\r\n\r\n'), bytes]);
  assert.equal(findHeadEnd(padded, 6), 6 + headLength);
});

test('a bare LF is refused before the head is whole', () => {
  for (const text of ['GET / HTTP/1.1\n', 'GET / HTTP/1.1\r\nHost: a\n\n', '\n', 'GET / HTTP/1.1\r\nHost: a\r\n\n']) {
    const part = Buffer.from(text, 'latin1');
    const found = findHeadEnd(part, 0);
    assert.ok(found instanceof WireError && found.status === 400, JSON.stringify(text));
  }
});

test('a head may have 64 KiB, with its last byte or without, and not one more', () => {
  const start = 'GET / HTTP/1.1\r\nA: ';
  const fits = Buffer.from(`${start.padEnd(maxHeadBytes - 4, 'a')}\r\n\r\n`);
  assert.equal(findHeadEnd(fits, 0), maxHeadBytes);
  const over = Buffer.from(`${start.padEnd(maxHeadBytes - 3, 'a')}\r\n\r\n`);
  for (const end of [over.length, maxHeadBytes + 1]) {
    const found = findHeadEnd(over.subarray(0, end), 0);
    assert.ok(found instanceof WireError && found.status === 431);
  }
  assert.equal(findHeadEnd(over.subarray(0, maxHeadBytes), 0), -1);
});

test('a limit that was set is the limit', () => {
  const head = Buffer.from('GET / HTTP/1.1\r\nA: b\r\n\r\n');
  assert.equal(findHeadEnd(head, 0, { limit: head.length }), head.length);
  const found = findHeadEnd(head, 0, { limit: head.length - 1 });
  assert.ok(found instanceof WireError && found.reason === `head over ${head.length - 1} bytes (RFC 6585 section 5)`);
});
