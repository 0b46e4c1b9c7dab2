import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResponseHead } from '../../src/egress/wire/http1-response.ts';
import { WireError } from '../../src/egress/wire/wire-error.ts';

/** Responses by which an upstream would have its next one read as another request's. */
const responses: [string, string[]][] = [
  [
    'Transfer-Encoding beside Content-Length',
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ],
  [
    'two lengths',
    [
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n',
    ],
  ],
  [
    'another coding than chunked',
    [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunkedx\r\n\r\n',
    ],
  ],
  ['chunked in HTTP/1.0', ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n']],
  ['framing named in Connection', ['HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\n']],
  [
    'line tricks',
    [
      'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA : b\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA: b\nc: d\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA: \0\r\n\r\n',
      'HTTP/1.1 200 O\rK\r\n\r\n',
    ],
  ],
  [
    'no status line',
    [
      'HTTP/2 200\r\n\r\n',
      'HTTP/1.1 20\r\n\r\n',
      'HTTP/1.1 2000\r\n\r\n',
      'HTTP/1.1  200\r\n\r\n',
      'ICY 200 OK\r\n\r\n',
      '\r\n\r\n',
      'HTTP/1.1 099 x\r\n\r\n',
      'HTTP/1.1 200OK\r\n\r\n',
    ],
  ],
];

for (const [what, heads] of responses) {
  test(`a response with ${what} → 502`, () => {
    for (const text of heads) {
      const bytes = Buffer.from(text, 'latin1');
      const judged = parseResponseHead(bytes, 0, { end: bytes.length, method: 'GET' });
      assert.ok(judged instanceof WireError && judged.status === 502, JSON.stringify(text));
    }
  });
}
