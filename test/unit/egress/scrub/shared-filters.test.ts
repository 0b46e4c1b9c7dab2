import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { compileScrub } from '../../../../src/egress/scrub/scrub.ts';
import type { Scrub } from '../../../../src/egress/scrub/scrub.ts';
import { SharedFilters } from '../../../../src/egress/scrub/window-filter.ts';

const value = 'sk-live-0123456789abcdef';

function scrubOf(filters: SharedFilters, key: string, about: { standIn: string; value?: string }): Scrub {
  const entry = { id: about.standIn, standIn: about.standIn, value: Buffer.from(about.value ?? value) };
  const scrub = compileScrub([entry], (patterns) => filters.of(key, patterns));
  assert.ok(scrub !== null);
  return scrub;
}

test('those who look for the same values share a filter, and each puts its own stand-in in their place', () => {
  const filters = new SharedFilters();
  const made: unknown[] = [];
  const [a, b] = ['standin-a', 'standin-bb'].map((standIn) => {
    const entry = { id: standIn, standIn, value: Buffer.from(value) };
    return compileScrub([entry], (patterns) => {
      const filter = filters.of('secret@1', patterns);
      made.push(filter);
      return filter;
    });
  });
  assert.equal(made[0], made[1]);
  assert.equal(a?.text(`key=${value};`), 'key=standin-a;');
  assert.equal(b?.text(`key=${value};`), 'key=standin-bb;');
});

test('another version is another filter', () => {
  const filters = new SharedFilters();
  const before = scrubOf(filters, 'secret@1', { standIn: 'standin-a' });
  const after = scrubOf(filters, 'secret@2', { standIn: 'standin-a', value: 'sk-live-fedcba9876543210' });
  assert.equal(before.text(value), 'standin-a');
  assert.equal(after.text('sk-live-fedcba9876543210'), 'standin-a');
});

test('one that is wiped takes nothing from the others, and the last one overwrites what was made of the values', () => {
  const filters = new SharedFilters();
  const tables: Uint32Array[] = [];
  const make = (standIn: string) =>
    compileScrub([{ id: standIn, standIn, value: Buffer.from(value) }], (patterns) => {
      const filter = filters.of('secret@1', patterns);
      tables.push(filter.table);
      return filter;
    });
  const [a, b] = [make('standin-a'), make('standin-b')];
  a?.wipe();
  a?.wipe();
  assert.equal(b?.text(value), 'standin-b', 'still found');
  assert.throws(() => a?.text(value), /wiped/);
  b?.wipe();
  assert.ok(tables[0]?.every((word) => word === 0));
  // One that comes later does not look through what was overwritten.
  assert.equal(make('standin-c')?.text(value), 'standin-c');
});

test('of many that are used by turns, each finds its own', () => {
  const filters = new SharedFilters();
  const values = Array.from({ length: 1500 }, () => `sk-${randomBytes(12).toString('hex')}`);
  for (const round of [0, 1]) {
    for (const [index, each] of values.entries()) {
      const scrub = scrubOf(filters, `secret-${index}@1`, { standIn: `standin-${round}`, value: each });
      assert.equal(scrub.text(each), `standin-${round}`);
    }
  }
});
