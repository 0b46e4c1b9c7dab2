import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { wantsColor } from '../../../src/cli/color.ts';
import { amountOf } from '../../../src/cli/progress.ts';
import { layOut, tableWriter } from '../../../src/cli/table.ts';
import { bytes, cut, printable, widthOf } from '../../../src/cli/text.ts';
import { relativeTime, shortTime } from '../../../src/cli/times.ts';
import { PassThrough } from 'node:stream';

interface Row {
  name: string;
  size: number | null;
}

const columns = [
  { title: 'NAME', of: (row: Row) => row.name },
  { title: 'SIZE', of: (row: Row) => row.size, align: 'right' },
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

test('a character of several code points takes one place, one that is drawn wide two', () => {
  const [, , after] = layOut(
    [
      { name: 'e\u0301', size: 1 },
      { name: 'xx', size: 2 },
    ],
    columns,
  );
  assert.equal(after, 'xx       2');
  assert.equal(widthOf('漢字🔑'), 6);
});

const wideColumns = [
  { title: 'ID', of: (row: { id: string; hosts: string; path: string }) => row.id, keep: true },
  { title: 'HOSTS', of: (row: { id: string; hosts: string; path: string }) => row.hosts },
  { title: 'PATH', of: (row: { id: string; hosts: string; path: string }) => row.path },
] as const;

test('a table is as wide as the terminal: what gives is cut with …, an id never', () => {
  const id = 'f0be8ccb-4704-4c24-a26d-a6d8b84a7868';
  const rows = [{ id, hosts: 'api.example.com, b.example.com', path: `/${'x'.repeat(200)}` }];
  for (const width of [60, 80, 100, 120]) {
    const lines = layOut(rows, wideColumns, { width });
    for (const line of lines) assert.ok(widthOf(line) <= width, `${width}: ${line}`);
    assert.ok(lines[1]?.startsWith(id));
    assert.match(lines[1] ?? '', /…/);
  }
  assert.ok(layOut(rows, wideColumns, { width: 20 })[1]?.startsWith(id), 'also where it cannot fit');
  assert.equal(layOut(rows, wideColumns)[1]?.includes('…'), false, 'nothing is cut where there is no terminal');
});

test('text that is cut is never wider than it may be, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, width) => {
      assert.ok(widthOf(cut(text, width)) <= width);
      if (widthOf(text) <= width) assert.equal(cut(text, width), text);
    }),
  );
});

test('rows that come one after the other have one heading, and columns that do not jump back', () => {
  const write = tableWriter(columns);
  assert.deepEqual(write([{ name: 'abc', size: 1 }]), ['NAME  SIZE', 'abc      1']);
  assert.deepEqual(write([{ name: 'abcdefgh', size: 1 }]), ['abcdefgh     1']);
  assert.deepEqual(write([{ name: 'a', size: 1 }]), ['a            1']);
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

test('on a terminal a time is how long ago it was, or how long until then', () => {
  const now = Date.parse('2026-01-31T08:15:00Z');
  const at = (seconds: number) => relativeTime(new Date(now + seconds * 1000).toISOString(), now);
  assert.deepEqual([0, -4, -59, -60, -119, -3600, -7300, -86_400, -86_400 * 3, 7300].map(at), [
    'just now',
    'just now',
    'just now',
    '1 min ago',
    '1 min ago',
    '1 hour ago',
    '2 hours ago',
    '1 day ago',
    '3 days ago',
    'in 2 hours',
  ]);
  assert.equal(at(-86_400 * 45), '2025-12-17');
  assert.equal(relativeTime(null, now), null);
});

test('amounts are in thousands, with their share and rate where those are known', () => {
  assert.deepEqual([0, 999, 1000, 1536, 999_999, 12_345_678, 5e12].map(bytes), [
    '0 B',
    '999 B',
    '1 KB',
    '1.5 KB',
    '1 MB',
    '12.3 MB',
    '5 TB',
  ]);
  assert.equal(amountOf(500_000, 2_000_000, 2), '500 KB of 2 MB, 25 %, 250 KB/s');
  assert.equal(amountOf(500, null, 0), '500 B');
});

test('colour is for terminals; NO_COLOR, FORCE_COLOR, TERM=dumb and --color are heard in their order', () => {
  const pipe = new PassThrough();
  const terminal = Object.assign(new PassThrough(), { isTTY: true });
  const on = (env: NodeJS.ProcessEnv, choice?: 'auto' | 'always' | 'never') => [
    wantsColor({ env }, terminal, choice),
    wantsColor({ env }, pipe, choice),
  ];
  assert.deepEqual(on({}), [true, false]);
  assert.deepEqual(on({ NO_COLOR: '1' }), [false, false]);
  assert.deepEqual(on({ NO_COLOR: '' }), [true, false]);
  assert.deepEqual(on({ FORCE_COLOR: '1' }), [true, true]);
  assert.deepEqual(on({ FORCE_COLOR: '0' }), [false, false]);
  assert.deepEqual(on({ NO_COLOR: '1', FORCE_COLOR: '1' }), [false, false]);
  assert.deepEqual(on({ TERM: 'dumb' }), [false, false]);
  assert.deepEqual(on({ NO_COLOR: '1', TERM: 'dumb' }, 'always'), [true, true]);
  assert.deepEqual(on({ FORCE_COLOR: '1' }, 'never'), [false, false]);
});
