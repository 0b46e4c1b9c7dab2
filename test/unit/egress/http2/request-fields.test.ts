import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeTrailers } from '../../../../src/egress/wire/http2/message-fields.ts';
import { WireError } from '../../../../src/egress/wire/wire-error.ts';
import { get, post } from './frames.ts';
import type { Pairs } from './frames.ts';
import { decode, refused } from './heads.ts';

/** What no request may have, in the words of the reason. */
const malformed: [string, Pairs, RegExp][] = [
  ['no :method', get.slice(1), /:method/],
  ['a :method that is no token', [[':method', 'G T'], ...get.slice(1)], /:method/],
  ['no :scheme', get.filter(([name]) => name !== ':scheme'), /:scheme/],
  ['another :scheme', [[':method', 'GET'], [':scheme', 'ftp'], ...get.slice(2)], /:scheme/],
  ['no :path', get.slice(0, 3), /:path/],
  ['an empty :path', [...get.slice(0, 3), [':path', '']], /:path/],
  ['a :path that does not begin with a slash', [...get.slice(0, 3), [':path', 'a']], /:path/],
  ['a :path with a space in it', [...get.slice(0, 3), [':path', '/a HTTP/1.1']], /:path/],
  ['a :path with a fragment', [...get.slice(0, 3), [':path', '/a#b']], /:path/],
  ['a :path with an octet over 127', [...get.slice(0, 3), [':path', '/\xe4']], /:path/],
  ['an asterisk without OPTIONS', [...get.slice(0, 3), [':path', '*']], /:path/],
  ['user info in :authority', [...get.slice(0, 2), [':authority', 'u@a.example'], ...get.slice(3)], /:authority/],
  ['an empty :authority', [...get.slice(0, 2), [':authority', ''], ...get.slice(3)], /:authority/],
  ['a pseudo-header field twice', [...get, [':path', '/b']], /twice/],
  ['a pseudo-header field after another', [...get.slice(0, 3), ['a', 'b'], [':path', '/']], /before|after/],
  ['an unknown pseudo-header field', [...get, [':x', 'b']], /no request/],
  ['a bare colon', [...get, [':', 'b']], /no request/],
  [':status', [...get, [':status', '200']], /no request/],
  ['a name in upper case', [...get, ['A', 'b']], /8\.2\.1/],
  ['an empty name', [...get, ['', 'b']], /8\.2\.1/],
  ['a name with a space', [...get, ['a b', 'c']], /8\.2\.1/],
  ['a name with a colon', [...get, ['a:b', 'c']], /8\.2\.1/],
  ['a name with CR LF', [...get, ['a\r\nb', 'c']], /8\.2\.1/],
  ['a value with CR', [...get, ['a', 'b\rc']], /8\.2\.1/],
  ['a value with LF', [...get, ['a', 'b\nc']], /8\.2\.1/],
  ['a value with NUL', [...get, ['a', 'b\0c']], /8\.2\.1/],
  ['a value with another control', [...get, ['a', 'b\x7fc']], /8\.2\.1/],
  ['a value that begins with a blank', [...get, ['a', ' b']], /8\.2\.1/],
  ['a value that ends with a tab', [...get, ['a', 'b\t']], /8\.2\.1/],
  ['CR LF in :path', [...get.slice(0, 3), [':path', '/\r\nx: y']], /8\.2\.1/],
  ['connection', [...get, ['connection', 'close']], /8\.2\.2/],
  ['keep-alive', [...get, ['keep-alive', 'x']], /8\.2\.2/],
  ['proxy-connection', [...get, ['proxy-connection', 'x']], /8\.2\.2/],
  ['transfer-encoding', [...get, ['transfer-encoding', 'chunked']], /8\.2\.2/],
  ['upgrade', [...get, ['upgrade', 'h2c']], /8\.2\.2/],
  ['http2-settings', [...get, ['http2-settings', 'x']], /8\.2\.2/],
  ['te of more than trailers', [...get, ['te', 'trailers, gzip']], /8\.2\.2/],
  ['two Host fields', [...get, ['host', 'a.example'], ['host', 'a.example']], /Host/],
  ['two Content-Length fields', [...post, ['content-length', '1'], ['content-length', '1']], /Content-Length/],
  ['a Content-Length with a sign', [...post, ['content-length', '+1']], /Content-Length/],
  ['a Content-Length that is a list', [...post, ['content-length', '1, 1']], /Content-Length/],
  ['a Content-Length past 2^53', [...post, ['content-length', '9007199254740993']], /Content-Length/],
  [':protocol without CONNECT', [...get, [':protocol', 'websocket']], /8441/],
  [
    'CONNECT with a path',
    [
      [':method', 'CONNECT'],
      [':authority', 'a.example:443'],
      [':path', '/'],
    ],
    /8\.5/,
  ],
  [
    'CONNECT with Host instead of :authority',
    [
      [':method', 'CONNECT'],
      ['host', 'a.example:443'],
    ],
    /8\.5/,
  ],
  [
    'CONNECT with a length',
    [
      [':method', 'CONNECT'],
      [':authority', 'a.example:443'],
      ['content-length', '0'],
    ],
    /9\.3\.6/,
  ],
  [
    'websocket with a length',
    [[':method', 'CONNECT'], [':protocol', 'websocket'], ...get.slice(1), ['content-length', '0']],
    /9\.3\.6/,
  ],
  ['connect in lower case', [[':method', 'connect'], ...get.slice(1)], /upper case/],
  ['Max-Forwards', [...get, ['max-forwards', '0']], /Max-Forwards/],
];

for (const [name, pairs, reason] of malformed) {
  test(`a request is refused that has ${name}`, () => {
    const wrong = refused(pairs);
    assert.equal(wrong.status, 400);
    assert.match(wrong.reason, reason);
  });
}

test('TRACE, another scheme, other protocols than websocket, and too many lines have a status of their own', () => {
  const statusOf = (pairs: Pairs) => refused(pairs).status;
  assert.equal(statusOf([[':method', 'TRACE'], ...get.slice(1)]), 405);
  assert.equal(statusOf([get[0] ?? ['', ''], [':scheme', 'http'], ...get.slice(2)]), 421);
  assert.equal(statusOf([[':method', 'track'], ...get.slice(1)]), 405);
  assert.equal(statusOf([[':method', 'CONNECT'], [':protocol', 'connect-udp'], ...get.slice(1)]), 501);
  assert.equal(statusOf([...get, ...Array.from({ length: 200 }, () => ['a', 'b'] as const)]), 431);
});

test('trailers have no pseudo-header fields and nothing that belongs into a head', () => {
  assert.equal(
    judgeTrailers(
      decode([
        ['grpc-status', '0'],
        ['x-sum', '1'],
      ]),
    ),
    null,
  );
  for (const name of [
    ':status',
    'authorization',
    'host',
    'content-length',
    'set-cookie',
    'cookie',
    'te',
    'trailer',
    'Upper',
  ]) {
    assert.ok(judgeTrailers(decode([[name, 'trailers']])) instanceof WireError, name);
  }
});
