import { compileSandbox } from '../../../src/egress/inject-plan.ts';
import type { CompiledSandbox } from '../../../src/egress/inject-plan.ts';
import type { BindingSnapshot, Slot } from '../../../src/egress/ports.ts';
import { makeCore } from '../../../src/stand-in.ts';

export const host = 'api.example.com';

export function headerSlot(name: string, before = '', after = ''): Slot {
  return { kind: 'header', name, before, after, set: [{ name, before, after }] };
}

export const bearer = headerSlot('Authorization', 'Bearer ');

export function standIn(): string {
  return `sk-test-${makeCore('text')}aB3-_9`;
}

/** A live binding at {@link host} unless told otherwise; its id is its env key. */
export function binding(envKey: string, slots: Slot[], rest: Partial<BindingSnapshot> = {}): BindingSnapshot {
  return {
    id: envKey,
    envKey,
    standIn: standIn(),
    secretId: `secret of ${envKey}`,
    secretName: envKey.toLowerCase(),
    version: 1,
    state: 'live',
    rules: [{ hosts: [host], slots }],
    ...rest,
  };
}

export function sandboxOf(...bindings: BindingSnapshot[]): CompiledSandbox {
  return compileSandbox({ id: 'sandbox', teamId: 'team', proxyTokenHash: '', network: { allowOut: [], denyOut: [] }, bindings });
}
