import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compare } from './compare.ts';
import { readCorpus, storeCase } from './corpus.ts';
import type { FuzzCase } from './fuzz-case.ts';
import { readTheirs } from './llhttp.ts';
import { asMessage } from './as-message.ts';
import { minimise } from './minimise.ts';
import { readOurs } from './our-reader.ts';

const text =
  'POST /a HTTP/1.1\r\nHost: a.example\r\nX: yz\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: a.example\r\n\r\n';
const fuzzed: FuzzCase = { side: 'request', bytes: Buffer.from(text, 'latin1'), methods: [], cuts: [20, 40] };

test('a case is made as small as it still fails', () => {
  const fails = ({ bytes }: FuzzCase): boolean => /chunked[^]*\n0\r/.test(bytes.toString('latin1'));
  const smallest = minimise(fuzzed, fails);
  assert.equal(smallest.bytes.toString('latin1'), 'chunked\n0\r');
  assert.deepEqual(smallest.cuts, []);
});

test('a case is kept and read again as it was', () => {
  const folder = mkdtempSync(join(tmpdir(), 'corpus-'));
  try {
    storeCase(fuzzed, 'llhttp refuses: A b', folder);
    const [stored, ...more] = readCorpus(folder);
    assert.deepEqual(stored?.fuzzed, fuzzed);
    assert.match(stored.file, /^llhttp-refuses-a-b-[0-9a-f]{8}\.json$/);
    assert.equal(more.length, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('whatever one side reads otherwise is a disagreement', () => {
  const length = fuzzed.bytes.length;
  const ours = readOurs(fuzzed, [length]);
  const messages = ours.messages.map(asMessage);
  const theirs = readTheirs(fuzzed, [length]);
  assert.equal(compare(ours, { messages, theirs }), null);
  const [first, second] = theirs.messages;
  assert.ok(first !== undefined && second !== undefined);
  const others = {
    'another start': [{ ...first, start: 'POST /b 1.1' }, second],
    'another fields': [{ ...first, fields: first.fields.slice(2) }, second],
    'another trailers': [{ ...first, trailers: ['a', 'b'] }, second],
    'another upgrade': [{ ...first, upgrade: true }, second],
    'another content': [{ ...first, content: 'ab' }, second],
    'we keep the connection, llhttp does not': [{ ...first, keepAlive: false }, second],
    'llhttp sees no such message': [first],
    'llhttp sees one message more': [first, second, second],
    'llhttp waits for more of its content: ': [first, { ...second, complete: false }],
  };
  for (const [kind, read] of Object.entries(others)) {
    assert.equal(compare(ours, { messages, theirs: { messages: read, error: null } })?.kind, kind);
  }
  const refused = compare(ours, { messages, theirs: { messages: [first], error: 'HPE_INVALID_METHOD: a' } });
  assert.equal(refused?.kind, 'llhttp refuses: HPE_INVALID_METHOD: a');
});
