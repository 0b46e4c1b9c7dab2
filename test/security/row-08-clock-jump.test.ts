import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { Secret, exposeSecret } from '../../src/crypto/secret.ts';
import type { BindingSnapshot, ControlPort } from '../../src/egress/ports.ts';
import { SandboxRegistry } from '../../src/egress/registry.ts';
import type { SandboxEntry } from '../../src/egress/registry.ts';
import { makeCore } from '../../src/stand-in.ts';

/** Row 8: a value's time to live holds whatever becomes of the clock. */

const valueTtlMs = 60_000;
const day = 86_400_000;
const binding: BindingSnapshot = {
  id: 'binding',
  envKey: 'API_KEY',
  standIn: makeCore('text'),
  secretId: 'secret',
  secretName: 'secret',
  version: 1,
  state: 'live',
  rules: [],
};

/** Two clocks that stand still until they are set. */
function stopClocks(t: TestContext) {
  const clocks = { monotonic: 5_000, system: Date.UTC(2026, 0, 2) };
  t.mock.method(performance, 'now', () => clocks.monotonic);
  t.mock.method(Date, 'now', () => clocks.system);
  return clocks;
}

/** A registry that holds a sandbox and its value, fetched now. */
async function holding(): Promise<{ registry: SandboxRegistry; entry: SandboxEntry; secret: Secret }> {
  const secret = new Secret('the real value');
  const control: ControlPort = {
    sandbox: (id) =>
      Promise.resolve({
        id,
        teamId: '',
        proxyTokenHash: '',
        network: { allowOut: [], denyOut: [] },
        bindings: [binding],
      }),
    value: () => Promise.resolve(secret),
    leaf: () => Promise.reject(new Error('not asked')),
    record: () => undefined,
  };
  const registry = new SandboxRegistry(control, { scrub: true, valueTtlMs });
  const entry = await registry.load('sandbox');
  assert.ok(entry !== null);
  assert.equal(await registry.loadValue(entry, binding), secret);
  assert.equal(registry.value(entry, binding), secret);
  return { registry, entry, secret };
}

const jumps: [name: string, move: (clocks: { monotonic: number; system: number }) => void][] = [
  [
    'the system clock is set back by a day, and the time to live then passes',
    (clocks) => {
      clocks.system -= day;
      clocks.monotonic += valueTtlMs;
    },
  ],
  [
    'the machine sleeps for longer than the time to live',
    (clocks) => {
      clocks.system += valueTtlMs;
    },
  ],
  [
    'the system clock is set ahead',
    (clocks) => {
      clocks.system += day;
    },
  ],
];

describe('row 8: a value past its time to live', () => {
  for (const [name, move] of jumps) {
    it(`is gone, and wiped, when ${name}`, async (t) => {
      const clocks = stopClocks(t);
      const { registry, entry, secret } = await holding();
      move(clocks);
      assert.equal(registry.value(entry, binding), undefined);
      assert.throws(() => exposeSecret(secret), /wiped/);
    });

    it(`is wiped by the sweep where nobody asks for it, when ${name}`, async (t) => {
      const clocks = stopClocks(t);
      const { registry, secret } = await holding();
      move(clocks);
      registry.sweep();
      assert.throws(() => exposeSecret(secret), /wiped/);
      assert.equal(registry.get('sandbox'), undefined, 'and so are the rules');
    });
  }

  it('is held until then, also when the system clock is set back', async (t) => {
    const clocks = stopClocks(t);
    const { registry, entry, secret } = await holding();
    clocks.system -= day;
    clocks.monotonic += valueTtlMs - 1;
    assert.equal(registry.value(entry, binding), secret);
  });
});
