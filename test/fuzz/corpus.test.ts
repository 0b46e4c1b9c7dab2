import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCorpus } from './corpus.ts';
import { judge } from './judge.ts';

const corpus = readCorpus();

test('there is a corpus', () => {
  assert.ok(corpus.length >= 10);
});

for (const { file, kind, fuzzed } of corpus) {
  test(`what readers disagreed about is settled: ${kind} (${file})`, () => {
    assert.equal(judge(fuzzed).disagreement, null);
  });
}
