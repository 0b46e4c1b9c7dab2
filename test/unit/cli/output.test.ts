import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { layOut, printable, shortTime } from '../../../src/cli/output.ts';

const columns = [
  { title: 'NAME', of: (row: { name: string; size: number | null }) => row.name },
  { title: 'SIZE', of: (row: { name: string; size: number | null }) => row.size, align: 'right' },
] as const;

test('columns line up, numbers to the right, and what is missing shows as a dash', () => {
  const rows = [
    { name: 'a', size: 5 },
    { name: 'longer-name', size: 1200 },
    { name: '', size: null },
  ];
  assert.deepEqual(layOut(rows, columns), [
    'NAME         SIZE',
    'a               5',
    'longer-name  1200',
    '–               –',
  ]);
});

test('a character of several code points takes one place', () => {
  const [, , after] = layOut(
    [
      { name: 'e\u0301', size: 1 },
      { name: 'xx', size: 2 },
    ],
    columns,
  );
  assert.equal(after, 'xx       2');
});

test('nothing that the server says can move the cursor, colour or turn the text of the terminal', () => {
  assert.equal(printable('/a\u001b[2J\u001b]0;title\u0007b'), '/ab');
  assert.equal(printable('one\ntwo\u202Ethree\u2028'), 'one\u{FFFD}two\u{FFFD}three\u{FFFD}');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(printable(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
  );
});

test('times are shown to the second', () => {
  assert.equal(shortTime('2026-01-31T08:15:00.123Z'), '2026-01-31 08:15:00Z');
  assert.equal(shortTime(null), null);
});
