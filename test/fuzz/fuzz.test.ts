import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from './judge.ts';
import { judgeNginx } from './judge-nginx.ts';
import { makeCase } from './make-case.ts';
import { startNginxReader } from './nginx-reader.ts';
import { Tally } from './tally.ts';

/** A short run of what `npm run fuzz` runs for long: always the same cases. */
const seed = 20_261_123;
const cases = 50_000;
const nginxCases = 300;

test(`${cases} generated connections: strict llhttp, the grammar and another split read what our parsers read`, () => {
  const tally = new Tally();
  for (let index = 0; index < cases; index++) {
    const fuzzed = makeCase(seed, index);
    const judged = judge(fuzzed);
    tally.add(judged);
    const { disagreement } = judged;
    if (disagreement === null) continue;
    const { kind, detail } = disagreement;
    assert.fail(`case ${index}: ${kind}: ${detail}: ${JSON.stringify(fuzzed.bytes.toString('latin1'))}`);
  }
  // Cases that all fail at their first byte would agree about nothing.
  assert.ok(tally.messages > cases * 0.7, `${tally.messages} messages were passed on`);
  assert.ok(tally.refusals.size > 35, `${tally.refusals.size} reasons to refuse were met`);
  assert.ok((tally.states.get('switched') ?? 0) > 20 && (tally.states.get('closed') ?? 0) > 1000);
});

test(`nginx reads what our parser reads in ${nginxCases} generated connections`, async () => {
  const nginx = await startNginxReader();
  try {
    let asked = 0;
    for (let index = 0; asked < nginxCases; index++) {
      const fuzzed = makeCase(seed, index);
      if (fuzzed.side !== 'request') continue;
      asked++;
      const { disagreement } = await judgeNginx(nginx, fuzzed);
      assert.equal(disagreement, null, JSON.stringify(fuzzed.bytes.toString('latin1')));
    }
  } finally {
    await nginx.stop();
  }
});

test('a case follows from its seed and number alone', () => {
  for (const index of [0, 1, 4_999_999, 2 ** 33 + 5]) assert.deepEqual(makeCase(3, index), makeCase(3, index));
  const first = new Set(Array.from({ length: 500 }, (_, index) => makeCase(1, index).bytes.toString('latin1')));
  const second = Array.from({ length: 500 }, (_, index) => makeCase(2, index).bytes.toString('latin1'));
  assert.ok(first.size > 450, 'other numbers give other cases');
  assert.ok(second.filter((text) => first.has(text)).length < 50, 'another seed gives other cases');
});
