import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileNetwork } from '../../../src/egress/policy.ts';
import { judgeRequest } from '../../../src/egress/request-judge.ts';
import type { SandboxEntry } from '../../../src/egress/registry.ts';
import { TimeToLive } from '../../../src/egress/time-to-live.ts';
import { makeCore } from '../../../src/stand-in.ts';
import { basic, bearer, binding, headerSlot, host, judge, sandboxOf, standIn } from './sandboxes.ts';
import { goodHead } from './support.ts';

const key = binding('KEY', [bearer]);
const token = binding('TOKEN', [headerSlot('X-Token')]);
const sandbox = sandboxOf(key, token);

/** The slots that a judgement tells of, in its order. */
function slots(judgement: ReturnType<typeof judge>): string[] {
  return judgement.kind === 'refuse' ? judgement.foreign.map(({ slot }) => slot) : [];
}

test('each stand-in out of place is told of once, with the first place where it stood, its own before those of others', () => {
  const stranger = standIn();
  const asked = { lines: [`X: ${stranger}`, `Referer: ${key.standIn}`, `Cookie: ${key.standIn}; ${token.standIn}`] };
  assert.deepEqual(slots(judge(sandbox, asked)), ['header referer', 'header cookie', 'header x']);
});

test('one in its slot beside one out of place is where it may be', () => {
  const asked = { lines: [`X-Token: ${token.standIn}`, `Referer: ${key.standIn}`] };
  assert.deepEqual(slots(judge(sandbox, asked)), ['header referer']);
});

test('over cleartext, and where two claim one header, each is told of with the slot that it fills', () => {
  const asked = { lines: [`Authorization: Bearer ${key.standIn}`], scheme: 'http' as const };
  assert.deepEqual(slots(judge(sandbox, asked)), ['header authorization']);
  const twice = [`Authorization: Bearer ${key.standIn}`, `Authorization: Bearer ${key.standIn}`];
  assert.deepEqual(slots(judge(sandbox, { lines: twice })), ['header authorization', 'header authorization']);
});

test('hidden in base64, percent escapes or Basic credentials it is told of by its place all the same', () => {
  for (const [lines, slot] of [
    [[`X: ${Buffer.from(`a${key.standIn}`).toString('base64')}`], 'header x'],
    [[`X: ${key.standIn.replace('t', '%74')}`], 'header x'],
    [[basic(`${key.standIn}:x`)], 'basic user name'],
    [[basic(`x:${key.standIn}`)], 'basic password'],
  ] as const) {
    assert.deepEqual(slots(judge(sandbox, { lines: [...lines] })), [slot]);
  }
});

test('no slot repeats a stand-in, or a name that is more than a plain word', () => {
  const long = 'a'.repeat(65);
  for (const asked of [
    { lines: [`${key.standIn}: ${key.standIn}`] },
    { lines: [`${long}: ${key.standIn}`] },
    { lines: [`x!y: ${key.standIn}`] },
  ]) {
    assert.deepEqual(slots(judge(sandbox, asked)), ['header']);
  }
  for (const path of [`/?${key.standIn}=1`, `/?a%20b=${key.standIn}`, `/?${long}=${key.standIn}`]) {
    assert.deepEqual(slots(judge(sandbox, { path })), ['query']);
  }
});

test('of stand-ins of others eight are told of, however many a request carries', () => {
  const many = Array.from({ length: 200 }, () => makeCore('text')).join(' ');
  const judgement = judge(sandbox, { lines: [`X: ${many}`, `Y: ${key.standIn}`] });
  assert.equal(slots(judgement).length, 9);
  assert.equal(slots(judgement)[0], 'header y');
});

test('in a request that is refused for another reason, one that fills its slot trips nothing and one that does not trips', () => {
  const network = compileNetwork({ allowOut: ['other.example.com'], denyOut: [] });
  const rules = sandboxOf(key, token);
  const entry: SandboxEntry = {
    snapshot: rules.snapshot,
    rules: { ...rules, network },
    life: new TimeToLive(1000),
    youth: new TimeToLive(500),
    isUsed: false,
    values: new Map(),
    scrubs: new Map(),
    asked: new Map(),
  };
  const lines = [`Authorization: Bearer ${key.standIn}`, `Referer: ${token.standIn}`];
  const head = goodHead(['GET / HTTP/1.1', `Host: ${host}`, ...lines, '', ''].join('\r\n'));
  const judged = judgeRequest(entry, {
    head,
    trailers: null,
    destination: { host, port: 443, scheme: 'https', isAddress: false },
    misdirected: null,
  });
  assert.ok(judged.kind === 'refuse' && judged.refused.code === 'host_denied');
  assert.deepEqual(judged.bindings.map((each) => each.envKey).toSorted(), ['KEY', 'TOKEN']);
  assert.deepEqual(
    judged.foreign.map(({ slot }) => slot),
    ['header referer'],
  );
});
