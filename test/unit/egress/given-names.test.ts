import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { NameLedger } from '../../../src/egress/given-names.ts';
import { SyntheticDns } from '../../../src/egress/listeners/synthetic-dns.ts';

/** A resolver whose names the ledger is told. */
function resolver(ledger: NameLedger, sandboxId: string): SyntheticDns {
  const dns = new SyntheticDns((number, name) => ledger.note({ sandboxId, first: number, names: [name] }));
  const given = ledger.of(sandboxId);
  if (given !== null) dns.goOn(given);
  return dns;
}

test('a resolver that takes over knows every address that its predecessor gave, in whatever order they were asked', () => {
  const ledger = new NameLedger();
  const names = Array.from({ length: 50 }, (_, index) => `n${index}.example.com`);
  const first = resolver(ledger, 'a');
  const addresses = names.map((name) => first.addressOf(name));
  const second = resolver(ledger, 'a');
  assert.deepEqual(
    addresses.map((address) => second.nameOf(address)),
    names,
  );
  assert.deepEqual(
    names.toReversed().map((name) => second.addressOf(name)),
    addresses.toReversed(),
  );
  const third = resolver(ledger, 'a');
  assert.equal(third.nameOf(addresses[49] ?? ''), 'n49.example.com', 'and its successor too');
});

test('an address that may have been given without a word is not given to another name', () => {
  const ledger = new NameLedger();
  const first = resolver(ledger, 'a');
  first.addressOf('told.example.com');
  const lost = new Set(Array.from({ length: 100 }, (_, index) => first.addressOf(`lost-${index}.example.com`)));
  // What the worker had not told of when it was killed.
  const told = new NameLedger();
  told.note({ sandboxId: 'a', first: 0, names: ['told.example.com'] });
  const second = resolver(told, 'a');
  for (let index = 0; index < 100; index++) assert.ok(!lost.has(second.addressOf(`new-${index}.example.com`)));
});

test('of names without number the newest are kept, and each sandbox has its own', () => {
  const ledger = new NameLedger();
  const first = resolver(ledger, 'a');
  const addresses = Array.from({ length: 10_000 }, (_, index) => first.addressOf(`n${index}.example.com`));
  assert.ok((ledger.of('a')?.newest.length ?? 0) <= 4096);
  const second = resolver(ledger, 'a');
  assert.equal(second.nameOf(addresses[9_999] ?? ''), 'n9999.example.com');
  assert.equal(second.nameOf(addresses[0] ?? ''), null);
  assert.equal(ledger.of('b'), null);
  ledger.forget('a');
  assert.equal(ledger.of('a'), null);
});

test('another server goes on with what one that was killed had given, and forgets sandboxes that are gone', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'standin-names-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const first = resolver(new NameLedger(directory), 'a');
  const names = ['one.example.com', 'two.example.com'];
  const addresses = names.map((name) => first.addressOf(name));
  resolver(new NameLedger(directory), 'gone').addressOf('x.example.com');
  assert.equal(statSync(join(directory, 'a')).mode & 0o777, 0o600);
  // The server was killed in the middle of a line.
  appendFileSync(join(directory, 'a'), '2 thr');
  for (let server = 0; server < 3; server++) {
    const ledger = new NameLedger(directory);
    ledger.keepOnly(new Set(['a']));
    const next = resolver(ledger, 'a');
    assert.deepEqual(
      addresses.map((address) => next.nameOf(address)),
      names,
    );
    const name = `later-${server}.example.com`;
    names.push(name);
    addresses.push(next.addressOf(name));
    assert.equal(next.nameOf(addresses.at(-1) ?? ''), name);
  }
  assert.equal(new Set(addresses).size, 5);
  assert.deepEqual(readdirSync(directory), ['a']);
  new NameLedger(directory).forget('a');
  assert.deepEqual(readdirSync(directory), []);
});

test('what is written of one sandbox is bounded, whatever it looks up', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'standin-names-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const first = resolver(new NameLedger(directory), 'a');
  for (let index = 0; index < 20_000; index++) first.addressOf(`n${index}.example.com`);
  assert.ok(readFileSync(join(directory, 'a'), 'utf8').split('\n').length <= 8193);
  const second = resolver(new NameLedger(directory), 'a');
  assert.equal(second.nameOf(first.addressOf('n19999.example.com')), 'n19999.example.com');
});
