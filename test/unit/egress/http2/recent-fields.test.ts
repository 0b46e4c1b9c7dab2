import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentFields } from '../../../../src/egress/wire/http2/recent-fields.ts';
import { parseResponseHead } from '../../../../src/egress/wire/http1-response.ts';
import type { HeaderLines } from '../../../../src/egress/wire/head.ts';
import { WireError } from '../../../../src/egress/wire/wire-error.ts';

test('a line that is the same as in the head before is the same field', () => {
  const recent = new RecentFields();
  const before = recent.of(linesOf('Server: nginx', 'Content-Type:  text/plain '), 1);
  const after = recent.of(linesOf('Server: nginx/2', 'Content-Type:  text/plain '), 1);
  assert.equal(after, before);
  assert.deepEqual([after.name, after.value], ['content-type', 'text/plain']);
});

test('a line that differs in any byte from the one before is read anew', () => {
  const recent = new RecentFields();
  const read = (line: string) => {
    const { name, value } = recent.of(linesOf(line), 0);
    return `${name}|${value}`;
  };
  assert.equal(read('X-Id: abc'), 'x-id|abc');
  assert.equal(read('X-Id: abd'), 'x-id|abd');
  assert.equal(read('X-Ie: abd'), 'x-ie|abd');
  assert.equal(read('X-I: eabd'), 'x-i|eabd', 'of the same length, with its colon elsewhere');
  assert.equal(read('X-Id: abcd'), 'x-id|abcd');
  assert.equal(read('X-Id:'), 'x-id|');
  assert.equal(read('x-id: \xe9'), 'x-id|\xe9');
});

test('long lines and lines far down are read, and not remembered', () => {
  const recent = new RecentFields();
  const long = `X-Long: ${'v'.repeat(300)}`;
  assert.notEqual(recent.of(linesOf(long), 0), recent.of(linesOf(long), 0));
  assert.equal(recent.of(linesOf(long), 0).value, 'v'.repeat(300));
  const many = Array.from({ length: 40 }, (_, index) => `X-${index}: ${index}`);
  assert.notEqual(recent.of(linesOf(...many), 39), recent.of(linesOf(...many), 39));
  assert.equal(recent.of(linesOf(...many), 39).value, '39');
});

function linesOf(...lines: string[]): HeaderLines {
  // Not at the start of its buffer, as after an interim answer.
  const before = 'HTTP/1.1 103 Early Hints\r\n\r\n';
  const bytes = Buffer.from(`${before}HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const head = parseResponseHead(bytes, before.length, { end: bytes.length, method: 'GET' });
  assert.ok(!(head instanceof WireError));
  return head.lines;
}
