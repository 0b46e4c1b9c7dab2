import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Secret, exposeSecret } from '../../../src/crypto/secret.ts';
import { SandboxRegistry } from '../../../src/egress/registry.ts';
import type { BindingSnapshot, SandboxSnapshot } from '../../../src/egress/ports.ts';
import { bearer, binding, host } from './sandboxes.ts';
import { PlayedControl } from './worker-parts.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

class Vault extends PlayedControl {
  valuesAsked = 0;
  override async value(): Promise<Secret> {
    this.valuesAsked += 1;
    return new Secret(Buffer.from('sk-live-0123456789abcdef'));
  }
}

function started(bindings: BindingSnapshot[] = []) {
  const control = new Vault();
  const snapshot: SandboxSnapshot = {
    id: 'one',
    teamId: 'team',
    proxyTokenHash: '',
    network: { allowOut: [], denyOut: [] },
    bindings,
  };
  control.sandboxes.set('one', snapshot);
  const registry = new SandboxRegistry(control, { valueTtlMs: 300_000, scrub: true });
  let ahead = 0;
  const real = Date.now;
  const clock = mock.method(Date, 'now', () => real() + ahead);
  return { control, snapshot, registry, pass: (ms: number) => (ahead += ms), end: () => clock.mock.restore() };
}

test('rules that are in use are asked for anew before their time is over, and nobody waits for them', async () => {
  const { control, registry, pass, end } = started();
  const first = await registry.load('one');
  pass(16_000);
  assert.equal(registry.get('one'), first, 'the old ones serve meanwhile');
  registry.sweep();
  await settle();
  assert.equal(control.asked, 2);
  const second = registry.get('one');
  assert.ok(second !== undefined && second !== first);
  pass(16_000);
  assert.equal(registry.get('one'), second);
  end();
});

test('rules that nobody uses are not asked for, and neither are young ones', async () => {
  const { control, registry, pass, end } = started();
  await registry.load('one');
  pass(16_000);
  registry.sweep();
  pass(15_000);
  registry.sweep();
  assert.equal(registry.get('one'), undefined);
  await registry.load('one');
  registry.get('one');
  registry.sweep();
  await settle();
  assert.equal(control.asked, 2);
  end();
});

test('where the control plane does not answer, the old ones end with their time', async () => {
  const { control, registry, pass, end } = started();
  await registry.load('one');
  control.answers = 'fails';
  pass(16_000);
  assert.ok(registry.get('one') !== undefined);
  registry.sweep();
  await settle();
  pass(15_000);
  assert.equal(registry.get('one'), undefined);
  end();
});

test('a sandbox that is gone is forgotten as soon as that is heard', async () => {
  const { control, registry, pass, end } = started();
  await registry.load('one');
  control.sandboxes.clear();
  pass(16_000);
  registry.get('one');
  registry.sweep();
  await settle();
  assert.equal(registry.get('one'), undefined);
  end();
});

for (const [what, change, asked] of [
  ['stays', {}, 1],
  ['is asked for anew where it was rotated', { version: 2 }, 2],
  ['is wiped where its secret was revoked', { state: 'revoked' }, 2],
] as const) {
  test(`a value ${what}, when rules are asked for anew`, async () => {
    const held = binding('KEY', [bearer]);
    const { control, snapshot, registry, pass, end } = started([held]);
    const first = await registry.load('one');
    assert.ok(first !== null);
    const value = await registry.loadValue(first, held);
    assert.ok(value !== null);
    const next = { ...held, ...change };
    control.sandboxes.set('one', { ...snapshot, bindings: [next] });
    registry.get('one');
    pass(16_000);
    registry.sweep();
    await settle();
    const second = registry.get('one');
    assert.ok(second !== undefined && second !== first);
    assert.equal(first.values.size, 0, 'one entry alone may wipe it');
    if (asked === 1) assert.equal(registry.value(second, next), value);
    else {
      assert.equal(registry.value(second, next), undefined);
      assert.throws(() => exposeSecret(value));
      await registry.loadValue(second, next);
    }
    assert.equal(control.valuesAsked, asked);
    end();
  });
}

test('a value that was told to be forgotten while it was asked for is named, so that the request is judged anew', async () => {
  const live = binding('KEY', [bearer]);
  const { control, registry, end } = started([live]);
  const entry = await registry.load('one');
  assert.ok(entry !== null);
  const answer = Promise.withResolvers<Secret>();
  mock.method(control, 'value', () => answer.promise);
  const scrub = registry.loadScrub(entry, host);
  registry.forget(['one']);
  answer.resolve(new Secret(Buffer.from('sk-live-0123456789abcdef')));
  assert.equal(await scrub, live);
  end();
});
