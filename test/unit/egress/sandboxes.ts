import assert from 'node:assert/strict';
import { judgeCredentials } from '../../../src/egress/inject.ts';
import type { CredentialRefusal, Judgement } from '../../../src/egress/inject.ts';
import { compileSandbox } from '../../../src/egress/inject-plan.ts';
import type { CompiledSandbox } from '../../../src/egress/inject-plan.ts';
import type { BindingSnapshot, Slot } from '../../../src/egress/ports.ts';
import { makeCore } from '../../../src/stand-in.ts';
import { goodHead } from './support.ts';

export const host = 'api.example.com';

export function headerSlot(name: string, before = '', after = ''): Slot {
  return { kind: 'header', name, before, after, set: [{ name, before, after }] };
}

type HeaderForm = { name: string; before: string; after: string };

/** One slot for each header of a rule that sets several, as the vault compiles it and IPC copies it. */
export function headerSlots(set: HeaderForm[]): Slot[] {
  return set.map(({ name, before, after }) => ({ kind: 'header', name, before, after, set: structuredClone(set) }));
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
  return compileSandbox({
    id: 'sandbox',
    teamId: 'team',
    proxyTokenHash: '',
    network: { allowOut: [], denyOut: [] },
    bindings,
  });
}

interface Asked {
  host?: string;
  scheme?: 'http' | 'https';
  path?: string;
  lines?: string[];
}

/** The judgement on a GET of `path` at {@link host} with these header lines. */
export function judge(sandbox: CompiledSandbox, asked: Asked): Judgement {
  const { path = '/', lines = [], scheme = 'https' } = asked;
  const name = asked.host ?? host;
  const head = goodHead([`GET ${path} HTTP/1.1`, `Host: ${name}`, ...lines, '', ''].join('\r\n'));
  const target = { host: name, port: scheme === 'https' ? 443 : 80, scheme, isAddress: false, path };
  return judgeCredentials(sandbox, { head, target });
}

/** What is to be swapped, as `<env key> <place>`. */
export function swapped(judgement: Judgement): string[] {
  assert.equal(judgement.kind, 'inject', JSON.stringify(judgement));
  return judgement.kind === 'inject' ? judgement.swaps.map((swap) => `${swap.binding.envKey} ${swap.place}`) : [];
}

/** The code of a refusal. */
export function refused(judgement: Judgement | CredentialRefusal | null): string {
  assert.ok(judgement !== null && judgement.kind === 'refuse', JSON.stringify(judgement));
  return judgement.refused.code;
}

/** An Authorization line of Basic credentials, latin1. */
export function basic(credentials: string): string {
  return `Authorization: Basic ${Buffer.from(credentials, 'latin1').toString('base64')}`;
}
