import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanTrailers } from '../../../src/egress/inject.ts';
import type { CredentialRefusal } from '../../../src/egress/inject.ts';
import { hiddenSpellings } from '../../support/hidden-spellings.ts';
import { bearer, binding, host, judge, refused, sandboxOf, standIn } from './sandboxes.ts';

const key = binding('KEY', [bearer]);
const sandbox = sandboxOf(key);

for (const [how, encode] of Object.entries(hiddenSpellings)) {
  test(`a stand-in ${how} is found in a header, the path and the query, own or foreign`, () => {
    for (const [text, code] of [
      [key.standIn, 'credential_host_mismatch'],
      [standIn(), 'credential_not_bound'],
    ] as const) {
      const hidden = encode(text);
      assert.equal(refused(judge(sandbox, { lines: [`X: a ${hidden} b`] })), code);
      assert.equal(refused(judge(sandbox, { lines: [`Authorization: Bearer ${hidden}`] })), code);
      assert.equal(refused(judge(sandbox, { path: `/a/${hidden}` })), code);
      assert.equal(refused(judge(sandbox, { path: `/a?b=${hidden}&c` })), code);
    }
  });
}

function scan(line: string): CredentialRefusal | null {
  return scanTrailers(sandbox, { trailers: Buffer.from(`${line}\r\n\r\n`), host });
}

test('a stand-in in a trailer is refused; other trailers are not', () => {
  const encoded = Buffer.from(key.standIn).toString('base64');
  assert.equal(scan('X-Checksum: abc%20'), null);
  assert.equal(refused(scan(`X: ${key.standIn}`)), 'credential_host_mismatch');
  assert.equal(refused(scan(`X: ${encoded}`)), 'credential_host_mismatch');
  assert.equal(refused(scan(`X: ${standIn()}`)), 'credential_not_bound');
});
