import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { hiddenCores, suspectOffsets } from '../../../src/egress/inject-scan.ts';
import { makeCore } from '../../../src/stand-in.ts';

test('ordinary text is not suspect, so it costs one pass', () => {
  assert.deepEqual(
    suspectOffsets('GET /a?b=c HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer dXNlcjpwYXNz\r\n\r\n'),
    [],
  );
});

test('Basic credentials are always opened, whatever the case of their scheme, and are no stand-in by themselves', () => {
  for (const scheme of ['Basic ', 'basic  ', 'BASIC\t']) {
    const line = `Authorization: ${scheme}dXNlcjpwYXNz`;
    assert.ok(suspectOffsets(line).length > 0);
    assert.deepEqual(hiddenCores(line), []);
    const core = makeCore('text');
    const escaped = core.replaceAll(/./g, (each) => `%${each.charCodeAt(0).toString(16)}`);
    for (const inside of [escaped, Buffer.from(core).toString('base64')]) {
      assert.deepEqual(hiddenCores(`X: ${scheme}${Buffer.from(`user:${inside}`).toString('base64')}`), [core]);
    }
  }
});

test('words that hold the marker are suspect but no stand-in', () => {
  for (const text of ['outstanding', 'standin', '7374616e', `standin${'a'.repeat(25)}`, 'c3RhbmRpbg==']) {
    assert.ok(suspectOffsets(text).length > 0);
    assert.deepEqual(hiddenCores(text), []);
  }
});

test('a core is found at any place in base64 of anything, in both alphabets', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.boolean(),
      fc.constantFrom('text', 'hex'),
      (before, after, url, kind) => {
        const core = makeCore(kind);
        const text = Buffer.concat([before, Buffer.from(core), after]).toString(url ? 'base64url' : 'base64');
        assert.ok(suspectOffsets(text).length > 0);
        assert.ok(hiddenCores(text).includes(core));
      },
    ),
    { numRuns: 300 },
  );
});

test('a core is found with any of its characters escaped', () => {
  const escapes = [
    (code: string) => `%${code}`,
    (code: string) => `%${code.toUpperCase()}`,
    (code: string) => `%25${code}`,
    (code: string) => `\\u00${code}`,
    (code: string) => `\\x${code}`,
    (code: string) => `%5cu00${code}`,
  ];
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 32, maxLength: 32 }),
      fc.constantFrom(...escapes),
      (mask, escape) => {
        const core = makeCore('text');
        const hidden = core
          .split('')
          .map((each, index) => (mask[index] === true ? escape(each.charCodeAt(0).toString(16)) : each))
          .join('');
        assert.ok(suspectOffsets(hidden).length > 0);
        assert.deepEqual(hiddenCores(hidden), [core]);
      },
    ),
    { numRuns: 300 },
  );
});

test('a head full of escapes is judged in bounded time', () => {
  const run = `${Buffer.from('standin').toString('base64url')}${'A'.repeat(34)} `;
  for (const part of ['%25%2573\\u0073standin', '%25', 'standin', '7374616e-', run, `${run}%41\\x41`]) {
    const text = part.repeat(65_536 / part.length);
    const start = process.hrtime.bigint();
    assert.deepEqual(hiddenCores(text), []);
    assert.ok(process.hrtime.bigint() - start < 1_000_000_000n, part);
  }
});
