import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyReader } from '../../src/egress/wire/body.ts';
import { findHeadEnd } from '../../src/egress/wire/head-end.ts';
import { parseRequestHead } from '../../src/egress/wire/http1-request.ts';
import { WireError } from '../../src/egress/wire/wire-error.ts';
import { goodHead, head, request } from '../unit/egress/support.ts';

/** RFC sentence (shortened) → heads that break it; the answer is 400 unless another status stands before. */
const refusals: [string, string[], number?][] = [
  [
    'RFC 9112 6.3: Transfer-Encoding and Content-Length in one message ought to be handled as an error',
    [
      request('POST / HTTP/1.1', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
      request('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Content-Length: 0'),
      request('POST / HTTP/1.1', 'transfer-encoding:chunked', 'CONTENT-LENGTH:\t5'),
    ],
  ],
  [
    'RFC 9112 6.3: a list of lengths, or two lines, is unrecoverable, the same number twice included',
    [
      request('POST / HTTP/1.1', 'Content-Length: 5', 'Content-Length: 6'),
      request('POST / HTTP/1.1', 'Content-Length: 5', 'Content-Length: 5'),
      request('POST / HTTP/1.1', 'Content-Length: 5, 5'),
    ],
  ],
  [
    'RFC 9110 8.6: Content-Length = 1*DIGIT',
    [
      '',
      '+5',
      '-5',
      '0x5',
      '5 ,',
      '5\t5',
      '5.0',
      '1e3',
      '05',
      '٥',
      ' 5a',
      '99999999999999999',
      '9007199254740993',
      '5;',
      '"5"',
    ].map(
      (length) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${Buffer.from(length).toString('latin1')}\r\n\r\n`,
    ),
  ],
  [
    'RFC 9112 6.1: a transfer coding that is not exactly chunked frames nothing that two readers agree on',
    [
      ...[
        'chunkedx',
        'xchunked',
        'chunked, chunked',
        'gzip, chunked',
        'chunked, identity',
        'identity',
        'gzip',
        '',
        'chunked;q=1',
        'chun ked',
        '"chunked"',
        'chunked,',
        ',chunked',
      ].map((coding) => request('POST / HTTP/1.1', `Transfer-Encoding: ${coding}`)),
      request('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
      request('POST / HTTP/1.1', 'Transfer-Encoding: identity', 'Transfer-Encoding: chunked'),
    ],
  ],
  [
    'RFC 9112 6.1: an HTTP/1.0 message containing Transfer-Encoding is faulty framing',
    [request('POST / HTTP/1.0', 'Transfer-Encoding: chunked')],
  ],
  [
    'RFC 9112 2.2: a recipient of a bare CR MUST consider that element to be invalid; a bare LF is no line end here',
    [
      request('GET / HTTP/1.1', 'A: b\rContent-Length: 5'),
      request('GET / HTTP/1.1', 'A: b\r'),
      request('GET /\r HTTP/1.1'),
      request('GET / HTTP/1.1\r'),
      request('GET / HTTP/1.1', 'A: b\nContent-Length: 5'),
      request('GET / HTTP/1.1', 'A\n: b'),
      'GET / HTTP/1.1\nHost: a\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\n\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\n\n',
      '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
      '\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
    ],
  ],
  [
    'RFC 9112 5.2: a server that receives an obs-fold MUST reject the message or replace it',
    [
      request('GET / HTTP/1.1', 'A: b', ' c'),
      request('GET / HTTP/1.1', 'A: b', '\tc'),
      request('GET / HTTP/1.1', 'Transfer-Encoding:', ' chunked'),
      'GET / HTTP/1.1\r\n Host: a\r\n\r\n',
      'GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n',
    ],
  ],
  [
    'RFC 9112 5.1: a server MUST reject whitespace between a field name and its colon',
    [
      request('POST / HTTP/1.1', 'Content-Length : 5'),
      request('POST / HTTP/1.1', 'Transfer-Encoding\t: chunked'),
      'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
    ],
  ],
  [
    'RFC 9110 5.1: a field name is a token',
    [
      '',
      '(a)',
      'a b',
      'a@b',
      'a/b',
      'a"b',
      '"a"',
      'a\0',
      'a\x7f',
      'a\x80',
      'Contént',
      'a{',
      'a;',
      'a=',
      '[a]',
      'a,b',
    ].map((name) => `GET / HTTP/1.1\r\nHost: a\r\n${name}: b\r\n\r\n`),
  ],
  [
    'RFC 9112 5: a field line has a colon',
    [request('GET / HTTP/1.1', 'no colon here'), request('GET / HTTP/1.1', 'nocolon')],
  ],
  [
    'RFC 9110 5.5: NUL and other control characters in a value are invalid',
    Array.from({ length: 32 }, (_, byte) => byte)
      .concat(0x7f)
      .filter((byte) => byte !== 0x09)
      .map((byte) => request('GET / HTTP/1.1', `A: b${String.fromCharCode(byte)}c`)),
  ],
  [
    'RFC 9112 3: method SP request-target SP HTTP-version, and nothing more',
    [
      'GET  / HTTP/1.1',
      'GET /  HTTP/1.1',
      ' GET / HTTP/1.1',
      'GET\t/ HTTP/1.1',
      'GET /\tHTTP/1.1',
      'GET / HTTP/1.1 ',
      'GET /a b HTTP/1.1',
      'GET /',
      'GET',
      'GET HTTP/1.1',
      'GET / HTTP/1.1 x',
      '/ HTTP/1.1',
      'G@T / HTTP/1.1',
      '',
      'GET /a#b HTTP/1.1',
      'GET /\x00 HTTP/1.1',
      'GET /\x0b HTTP/1.1',
      'GET /\xa0 HTTP/1.1',
      'GET /\x7f HTTP/1.1',

      'GET / HTTP/1.x',
      'GET / HTTP/1',
      'GET / HTTP/11',
      'GET / http/1.1',
      'GET / HTTPS/1.1',
      'GET / HTTP/1.10',
      'GET / HTTP/ 1.1',
      `${'A'.repeat(33)} / HTTP/1.1`,
    ].map((line) => request(line)),
  ],
  [
    'RFC 9112 3.2: a request target has one of four forms',
    [
      'GET a HTTP/1.1',
      'GET * HTTP/1.1',
      'GET example.com:80 HTTP/1.1',
      'GET ftp://a/ HTTP/1.1',
      'GET ws://a/ HTTP/1.1',
      'GET http:/a HTTP/1.1',
      'GET \\ HTTP/1.1',
      'CONNECT / HTTP/1.1',
      'CONNECT http://a/ HTTP/1.1',
      'CONNECT u@a:443 HTTP/1.1',
      'connect a:443 HTTP/1.1',
      'Connect a:443 HTTP/1.1',
      'OPTIONS *a HTTP/1.1',
    ].map((line) => request(line)),
  ],
  [
    'RFC 9112 3.2: a request has one Host line, with a valid value',
    [
      'GET / HTTP/1.1\r\n\r\n',
      'GET / HTTP/1.1\r\nA: b\r\n\r\n',
      request('GET / HTTP/1.1', 'Host: a', 'Host: b'),
      request('GET / HTTP/1.1', 'Host: a', 'host: a'),
      request('GET / HTTP/1.0', 'Host: a', 'HOST: b'),
      ...['', 'a b', 'a,b', 'a/b', 'u@a', 'a?b', 'a#b', 'a%00', 'a\\b', 'a_b', 'a\xe4'].map((host) =>
        request('GET / HTTP/1.1', `Host: ${host}`),
      ),
    ],
  ],
  [
    'RFC 9110 7.6.1: a connection option MUST NOT name a field intended for all recipients',
    [
      'Host',
      'Content-Length',
      'Transfer-Encoding',
      'Authorization',
      'close, authorization',
      'COOKIE',
      'keep-alive,\tX-Forwarded-For',
    ].map((options) => request('GET / HTTP/1.1', `Connection: ${options}`)),
  ],
  [
    'RFC 9113 3.1: the upgrade to h2c is deprecated, and would hide what follows',
    [
      request(
        'GET / HTTP/1.1',
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQAAP__',
      ),
      request('GET / HTTP/1.1', 'Upgrade: H2C'),
      request('GET / HTTP/1.1', 'Connection: upgrade', 'Upgrade: websocket, h2c'),
      request('GET / HTTP/1.1', 'Connection: upgrade', 'Upgrade: websocket', 'Upgrade: h2c'),
    ],
  ],
  [
    'RFC 9110 7.8: no upgrade but the websocket of RFC 6455 4.1 is taken up',
    [
      request('GET / HTTP/1.1', 'Connection: upgrade', 'Upgrade: TLS/1.0'),
      request('POST / HTTP/1.1', 'Connection: upgrade', 'Upgrade: websocket'),
      request('GET / HTTP/1.0', 'Connection: upgrade', 'Upgrade: websocket'),
      request('GET / HTTP/1.1', 'Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 9'),
      request('GET / HTTP/1.1', 'Connection: upgrade', 'Upgrade: websocket', 'Transfer-Encoding: chunked'),
    ],
  ],
  [
    'RFC 9110 9.3.6: a CONNECT request message does not have content',
    [
      request('CONNECT a:443 HTTP/1.1', 'Content-Length: 5'),
      request('CONNECT a:443 HTTP/1.1', 'Transfer-Encoding: chunked'),
    ],
  ],
  [
    'RFC 9110 7.6.2: Max-Forwards asks a hop on the way to answer',
    [request('OPTIONS * HTTP/1.1', 'Max-Forwards: 0'), request('GET / HTTP/1.1', 'max-forwards: 9')],
  ],
  [
    'RFC 9110 9.3.8: TRACE would echo the credential',
    ['TRACE / HTTP/1.1', 'TRACK / HTTP/1.1', 'trace / HTTP/1.1', 'Track / HTTP/1.1'].map((line) => request(line)),
    405,
  ],
  [
    'RFC 9110 15.6.6: another version is not supported',
    ['GET / HTTP/2.0', 'GET / HTTP/1.2', 'GET / HTTP/0.9', 'GET / HTTP/3.0', 'PRI * HTTP/2.0'].map((line) =>
      request(line),
    ),
    505,
  ],
  [
    'RFC 6585 5: a head over its limits is refused, in bytes and in lines',
    [
      request('GET / HTTP/1.1', `A: ${'b'.repeat(65_536)}`),
      request(`GET /${'a'.repeat(65_536)} HTTP/1.1`),
      request('GET / HTTP/1.1', ...Array.from({ length: 200 }, () => 'a: b')),
    ],
    431,
  ],
];

for (const [sentence, heads, status = 400] of refusals) {
  test(`${sentence} → ${status}`, () => {
    for (const text of heads) {
      const judged = head(text);
      assert.ok(judged instanceof WireError, `let through: ${JSON.stringify(text.slice(0, 200))}`);
      assert.equal(judged.status, status, JSON.stringify(text.slice(0, 200)));
    }
  });
}

test('a head cut or padded by its caller is refused, not read past its end', () => {
  const whole = Buffer.from(request('GET / HTTP/1.1', 'A: b'), 'latin1');
  for (let end = 0; end < whole.length; end++) {
    assert.ok(parseRequestHead(whole.subarray(0, end), 0, end) instanceof WireError, `${end} bytes`);
  }
  const longer = Buffer.from(`${request('GET / HTTP/1.1')}GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n`, 'latin1');
  assert.ok(parseRequestHead(longer, 0, longer.length) instanceof WireError);
});

test('a pipelined request is read by itself, from the byte after the one before', () => {
  const first = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc';
  const second = 'POST /b HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
  const bytes = Buffer.from(first + second + first, 'latin1');
  let at = 0;
  const seen: string[] = [];
  while (at < bytes.length) {
    const end = findHeadEnd(bytes, at);
    assert.ok(typeof end === 'number' && end > 0);
    const parsed = parseRequestHead(bytes, at, end);
    assert.ok(!(parsed instanceof WireError));
    const body = new BodyReader(parsed.framing, 400);
    const next = body.push(bytes, end, bytes.length);
    assert.ok(typeof next === 'number' && body.done);
    seen.push(`${parsed.target} ${parsed.host}`);
    at = next;
  }
  assert.deepEqual(seen, ['/a a', '/b b', '/a a']);
});

test('an ordinary request passes every one of these checks', () => {
  const parsed = goodHead(request('POST /a?b=c HTTP/1.1', 'Content-Length: 5', 'Connection: keep-alive', 'A: b'));
  assert.deepEqual(parsed.framing, { kind: 'length', length: 5 });
});
