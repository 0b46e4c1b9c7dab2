import assert from 'node:assert/strict';
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
