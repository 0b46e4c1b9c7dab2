import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyReader } from '../../src/egress/wire/body.ts';
import { WireError } from '../../src/egress/wire/wire-error.ts';

/** Chunked bodies that one reader or another would frame differently. */
const chunks: Record<string, string[]> = {
  'the size is hexadecimal, without sign, prefix or blank': [
    'x\r\n',
    '\r\n',
    '-1\r\n',
    '+1\r\n',
    '0x1\r\n',
    ' 1\r\n',
    '1 \r\n',
    '1\t;a\r\n',
    'g\r\n',
    '_1\r\n',
  ],
  'the size stays below 2^53': [
    '20000000000000\r\n',
    'fffffffffffffff\r\n',
    '000000000000001\r\n',
    '10000000000000000\r\n',
  ],
  'the size line ends in CRLF': ['1\n', '1\rx', '1;a\n', '1;a\rb', '0\n\n', '0\n\r\n'],
  'an extension has no control characters and is short': ['1;a\0\r\n', '1;\x0b\r\n', `1;${'a'.repeat(257)}\r\n`],
  'data is as long as its size says, and then comes CRLF': ['1\r\nab', '1\r\na\n', '1\r\na\rb', '3\r\nab\r\n0\r\n\r\n'],
  'the content ends in CRLF': ['0\r\n\rx', '0\r\n\n'],
  'trailers are header lines': [
    '0\r\na : b\r\n\r\n',
    '0\r\n a: b\r\n\r\n',
    '0\r\nab\r\n\r\n',
    '0\r\na: \0\r\n\r\n',
    '0\r\na: b\n\r\n',
    '0\r\na: b\rc\r\n\r\n',
    '0\r\n: b\r\n\r\n',
  ],
  'trailers frame, route and authenticate nothing': [
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
    'Host: b',
    'Connection: close',
    'Authorization: x',
    'Cookie: a=b',
    'Proxy-Authorization: x',
    'Content-Encoding: gzip',
    'Trailer: a',
    'Upgrade: h2c',
    'Expect: 100-continue',
  ].map((line) => `0\r\n${line}\r\n\r\n`),
  'trailers are few and short': [
    `0\r\n${'a: b\r\n'.repeat(201)}\r\n`,
    `0\r\na: ${'b'.repeat(8192)}\r\n\r\n`,
    `0\r\n${'a'.repeat(70_000)}`,
  ],
};

for (const [rule, bodies] of Object.entries(chunks)) {
  test(`RFC 9112 7.1: ${rule}, however it is split`, () => {
    for (const text of bodies) {
      const bytes = Buffer.from(text, 'latin1');
      const steps = bytes.length > 1000 ? [1000] : [1, 2, 3, bytes.length];
      for (const size of steps) {
        assert.ok(pushAll(bytes, size) instanceof WireError, `${JSON.stringify(text.slice(0, 80))} by ${size}`);
      }
    }
  });
}

function pushAll(bytes: Buffer, size: number): WireError | null {
  const reader = new BodyReader({ kind: 'chunked' }, 400);
  for (let at = 0; at < bytes.length && !reader.done; at += size) {
    const pushed = reader.push(bytes, at, Math.min(bytes.length, at + size));
    if (pushed instanceof WireError) return pushed;
  }
  return null;
}
