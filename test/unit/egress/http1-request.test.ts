import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseRequestHead } from '../../../src/egress/wire/http1-request.ts';
import { WireError } from '../../../src/egress/wire/wire-error.ts';
import { goodHead, request } from './support.ts';

test('a request head is read into its parts', () => {
  const head = goodHead(
    'POST /v1/messages?beta=true HTTP/1.1\r\nhost: api.example.com\r\nX-Empty:\r\nX-Blank: \t \r\nX-Value: \t a  b \t\r\ncontent-length: 12\r\n\r\n',
  );
  assert.equal(head.method, 'POST');
  assert.equal(head.target, '/v1/messages?beta=true');
  assert.equal(head.targetForm, 'origin');
  assert.equal(head.minorVersion, 1);
  assert.equal(head.host, 'api.example.com');
  assert.deepEqual(head.framing, { kind: 'length', length: 12 });
  assert.equal(head.keepAlive, true);
  assert.equal(head.lines.count, 5);
  assert.deepEqual(
    [1, 2, 3].map((line) => [head.lines.name(line), head.lines.value(line)]),
    [
      ['X-Empty', ''],
      ['X-Blank', ''],
      ['X-Value', 'a  b'],
    ],
  );
});

test('a head does not change when the buffer it came from is used again', () => {
  const text = request('GET /a HTTP/1.1', 'A: b');
  const bytes = Buffer.from(`xx${text}`, 'latin1');
  const head = parseRequestHead(bytes, 2, bytes.length);
  assert.ok(!(head instanceof WireError));
  bytes.fill(0);
  assert.equal(head.lines.text, text);
  assert.deepEqual([head.target, head.lines.name(1), head.lines.value(1)], ['/a', 'A', 'b']);
});

test('each form of target is known', () => {
  assert.equal(goodHead(request('GET / HTTP/1.1')).targetForm, 'origin');
  assert.equal(goodHead(request('GET http://a.example/b HTTP/1.1')).targetForm, 'absolute');
  assert.equal(goodHead(request('GET HTTPS://a.example HTTP/1.1')).targetForm, 'absolute');
  assert.equal(goodHead(request('CONNECT a.example:443 HTTP/1.1')).targetForm, 'authority');
  assert.equal(goodHead(request('CONNECT [::1]:443 HTTP/1.1')).targetForm, 'authority');
  assert.equal(goodHead(request('OPTIONS * HTTP/1.1')).targetForm, 'asterisk');
});

test('what clients send though RFC 3986 would have it escaped goes through', () => {
  const target = '/a|b{c}"d^e`<f>\\g?h=[1]&i=%zz%';
  assert.equal(goodHead(request(`GET ${target} HTTP/1.1`)).target, target);
});

test('any token is a method', () => {
  for (const method of ['GET', 'PROPFIND', 'M-SEARCH', 'get', 'PURGE', "X!#$%&'*+.^_`|~9"]) {
    assert.equal(goodHead(request(`${method} / HTTP/1.1`)).method, method);
  }
});

test('content is framed by length, by chunks, or there is none', () => {
  assert.deepEqual(goodHead(request('GET / HTTP/1.1')).framing, { kind: 'none' });
  assert.deepEqual(goodHead(request('POST / HTTP/1.1', 'Content-Length: 0')).framing, { kind: 'length', length: 0 });
  assert.deepEqual(goodHead(request('POST / HTTP/1.1', 'Content-Length: 9007199254740991')).framing, {
    kind: 'length',
    length: Number.MAX_SAFE_INTEGER,
  });
  assert.deepEqual(goodHead(request('POST / HTTP/1.1', 'transfer-encoding: Chunked')).framing, { kind: 'chunked' });
});

test('HTTP/1.1 persists unless it says close; HTTP/1.0 never does through a proxy', () => {
  assert.equal(goodHead(request('GET / HTTP/1.1')).keepAlive, true);
  assert.equal(goodHead(request('GET / HTTP/1.1', 'Connection: Close')).keepAlive, false);
  assert.equal(goodHead(request('GET / HTTP/1.1', 'Connection: TE,\t close')).keepAlive, false);
  assert.equal(goodHead(request('GET / HTTP/1.1', 'Connection: te', 'connection: close')).keepAlive, false);
  assert.equal(goodHead(request('GET / HTTP/1.0', 'Connection: keep-alive')).keepAlive, false);
});

test('HTTP/1.0 may come without Host', () => {
  assert.equal(goodHead('GET / HTTP/1.0\r\n\r\n').host, null);
});

test('100-continue is known in any case, in HTTP/1.1 only; other expectations are left to the server', () => {
  assert.equal(goodHead(request('POST / HTTP/1.1', 'Expect: 100-Continue')).expectContinue, true);
  assert.equal(goodHead(request('POST / HTTP/1.0', 'Expect: 100-continue')).expectContinue, false);
  assert.equal(goodHead(request('POST / HTTP/1.1', 'Expect: other')).expectContinue, false);
  assert.equal(goodHead(request('POST / HTTP/1.1')).expectContinue, false);
});

test('a websocket handshake is one only with both of its headers', () => {
  assert.equal(
    goodHead(request('GET / HTTP/1.1', 'Connection: keep-alive, Upgrade', 'Upgrade: WebSocket')).upgrade,
    'websocket',
  );
  assert.equal(goodHead(request('GET / HTTP/1.1', 'Upgrade: websocket')).upgrade, null);
  assert.equal(goodHead(request('GET / HTTP/1.1', 'Connection: Upgrade')).upgrade, null);
});

test('Connection options are lower-cased, over all of its lines', () => {
  const head = goodHead(request('GET / HTTP/1.1', 'Connection: Keep-Alive, , X-One', 'connection:x-two,'));
  assert.deepEqual(head.connectionTokens, ['keep-alive', 'x-one', 'x-two']);
});

test('two hundred header lines pass', () => {
  assert.equal(goodHead(request('GET / HTTP/1.1', ...Array.from({ length: 199 }, () => 'a: b'))).lines.count, 200);
});

test('any head of tokens and field content is read back as it was written', () => {
  const name = fc
    .stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/)
    .filter(
      (each) =>
        each.length > 15 ||
        !/^(host|te|upgrade|connection|expect|content-length|max-forwards|transfer-encoding)$/i.test(each),
    );
  const value = fc.stringMatching(/^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]{0,40}[\x21-\x7e\x80-\xff])?$/);
  const blanks = fc.stringMatching(/^[ \t]{0,3}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, blanks, value, blanks), { maxLength: 20 }), (fields) => {
      const head = goodHead(
        request(
          'GET / HTTP/1.1',
          ...fields.map(([key, before, content, after]) => `${key}:${before}${content}${after}`),
        ),
      );
      assert.equal(head.lines.count, fields.length + 1);
      for (const [index, [key, , content]] of fields.entries()) {
        assert.equal(head.lines.name(index + 1), key);
        assert.equal(head.lines.value(index + 1), content);
      }
    }),
  );
});

test('no bytes make the parser throw', () => {
  const part = fc.constantFrom(
    'GET',
    ' ',
    '/',
    'HTTP/1.1',
    '\r\n',
    '\n',
    '\r',
    'Host',
    ':',
    'a',
    'Content-Length: 1',
    '\0',
    '\xff',
    'Transfer-Encoding: chunked',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
      const bytes = Buffer.from(`${parts.join('')}\r\n\r\n`, 'latin1');
      parseRequestHead(bytes, 0, bytes.length);
    }),
    { numRuns: 1000 },
  );
});
