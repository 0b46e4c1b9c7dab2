import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanTrailers } from '../../../src/egress/inject.ts';
import type { CredentialRefusal } from '../../../src/egress/inject.ts';
import { bearer, binding, host, judge, refused, sandboxOf, standIn } from './sandboxes.ts';

const key = binding('KEY', [bearer]);
const sandbox = sandboxOf(key);

const encodings: Record<string, (text: string) => string> = {
  'percent-encoded in one character': (text) => text.replace('s', '%73'),
  'percent-encoded throughout': (text) =>
    text
      .split('')
      .map((each) => `%${each.charCodeAt(0).toString(16)}`)
      .join(''),
  'percent-encoded in upper case': (text) =>
    text
      .split('')
      .map((each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
      .join(''),
  'percent-encoded twice': (text) => text.replace('t', '%2574'),
  'in JSON escapes': (text) =>
    text
      .split('')
      .map((each) => `\\u00${each.charCodeAt(0).toString(16)}`)
      .join(''),
  'in one JSON escape': (text) => text.replace('d', '\\u0064'),
  'in \\x escapes': (text) => text.replace('n', '\\x6e'),
  'in base64': (text) => Buffer.from(text).toString('base64'),
  'in base64, one byte in': (text) => Buffer.from(`?${text}`).toString('base64'),
  'in base64, two bytes in': (text) => Buffer.from(`??${text}`).toString('base64'),
  'in base64url without padding': (text) => Buffer.from(`{"k":"${text}"}`).toString('base64url'),
  'in base64 within other base64 characters': (text) => `abcde${Buffer.from(text).toString('base64')}`,
  'percent-encoded in base64': (text) => encodeURIComponent(Buffer.from(text).toString('base64')).replace('c3', '%633'),
  'in base64 with a JSON escape in it': (text) => Buffer.from(`${text}\\u0041`).toString('base64'),
  'behind a false start': (text) => `standin${text.slice(text.indexOf('standin'))}`,
};

for (const [how, encode] of Object.entries(encodings)) {
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
