import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ControlPort, SandboxSnapshot } from '../../src/egress/ports.ts';
import { SandboxRegistry } from '../../src/egress/registry.ts';

const id = '00000000-0000-4000-8000-000000000000';

test('rules that were read before a change are not kept after it, however many loads were under way', async () => {
  let generation = 'before';
  const asked: (() => void)[] = [];
  const control: Pick<ControlPort, 'sandbox' | 'value' | 'leaf' | 'record'> = {
    sandbox: () => {
      const network = { allowOut: [], denyOut: [] };
      const snapshot: SandboxSnapshot = { id, teamId: generation, proxyTokenHash: '', network, bindings: [] };
      return new Promise((resolve) => asked.push(() => resolve(snapshot)));
    },
    value: () => Promise.resolve(null),
    leaf: () => Promise.reject(new Error('no leaf is asked for here')),
    record: () => undefined,
  };
  const registry = new SandboxRegistry(control, { scrub: true, valueTtlMs: 1000 });
  const answerNext = async () => {
    asked.shift()?.();
    await turn();
  };
  const loads = [registry.load(id)];
  registry.forget([id]);
  loads.push(registry.load(id));
  await answerNext();
  await answerNext();
  assert.equal(registry.get(id)?.snapshot.teamId, 'before');

  generation = 'after';
  registry.forget([id]);
  while (asked.length > 0) await answerNext();
  await Promise.all(loads);
  assert.notEqual(registry.get(id)?.snapshot.teamId, 'before');
});
