import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResponseHead } from '../../../src/egress/wire/head.ts';
import { buildResponseHead } from '../../../src/egress/wire/forward-response.ts';
import { parseResponseHead } from '../../../src/egress/wire/http1-response.ts';
import { WireError } from '../../../src/egress/wire/wire-error.ts';

function response(text: string, method = 'GET'): ResponseHead {
  const bytes = Buffer.from(text, 'latin1');
  const head = parseResponseHead(bytes, 0, { end: bytes.length, method });
  if (head instanceof WireError) throw new Error(head.reason);
  return head;
}

function forwarded(text: string, options?: Parameters<typeof buildResponseHead>[1]): string {
  return buildResponseHead(response(text), options).toString('latin1');
}

test('a response head is read into its parts', () => {
  const head = response('HTTP/1.1 404 Not Found \xe4\r\nContent-Length: 3\r\n\r\n');
  assert.deepEqual([head.status, head.reason, head.minorVersion], [404, 'Not Found \xe4', 1]);
  assert.deepEqual(head.framing, { kind: 'length', length: 3 });
  assert.equal(head.keepAlive, true);
  assert.equal(head.interim, false);
});

test('a reason may be empty, with or without the space before it', () => {
  assert.equal(response('HTTP/1.1 200 \r\n\r\n').reason, '');
  assert.equal(response('HTTP/1.1 200\r\n\r\n').reason, '');
});

test('content is framed as RFC 9112 section 6.3 says', () => {
  assert.deepEqual(response('HTTP/1.1 200 OK\r\n\r\n').framing, { kind: 'close' });
  assert.deepEqual(response('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n').framing, { kind: 'chunked' });
  assert.deepEqual(response('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'HEAD').framing, { kind: 'none' });
  assert.deepEqual(response('HTTP/1.1 200 OK\r\n\r\n', 'HEAD').framing, { kind: 'none' });
  assert.deepEqual(response('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n').framing, { kind: 'none' });
  for (const status of ['100 Continue', '103 Early Hints', '204 No Content']) {
    assert.deepEqual(response(`HTTP/1.1 ${status}\r\n\r\n`).framing, { kind: 'none' });
  }
});

test('a connection is kept unless it is closed, ends the body, or may hold stray content', () => {
  assert.equal(response('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n').keepAlive, true);
  assert.equal(response('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n').keepAlive, false);
  assert.equal(response('HTTP/1.1 200 OK\r\n\r\n').keepAlive, false);
  assert.equal(response('HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n').keepAlive, false);
  assert.equal(response('HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n').keepAlive, true);
  assert.equal(response('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n').keepAlive, true);
  assert.equal(response('HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n').keepAlive, false);
  assert.equal(response('HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n').keepAlive, false);
  assert.equal(response('HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n').keepAlive, true);
});

test('interim responses and a switch of protocols are told apart', () => {
  assert.equal(response('HTTP/1.1 100 Continue\r\n\r\n').interim, true);
  assert.equal(response('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n').interim, true);
  const switched = response('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n');
  assert.deepEqual([switched.interim, switched.upgrade], [false, 'websocket']);
  assert.equal(response('HTTP/1.1 200 OK\r\nUpgrade: h2\r\n\r\n').upgrade, null);
});

test('a response goes on byte for byte, without the fields of its connection and without Alt-Svc', () => {
  const text = [
    'HTTP/1.1 200 OK',
    'DATE: now',
    'connection: keep-alive, X-Hop',
    'Keep-Alive: timeout=5',
    'x-hop: 1',
    'Alt-Svc: h3=":443"',
    'Set-Cookie:  a=b ',
    'Proxy-Authenticate: Basic',
    'set-cookie: c=d',
    'Upgrade: h2',
    'Transfer-Encoding: chunked',
    '',
    '',
  ].join('\r\n');
  assert.equal(
    forwarded(text),
    'HTTP/1.1 200 OK\r\nDATE: now\r\nSet-Cookie:  a=b \r\nset-cookie: c=d\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
});

test('lines and content of ours come last', () => {
  const added = forwarded('HTTP/1.1 200\r\nA: b\r\nContent-Length: 1\r\n\r\n', {
    lines: ['Connection: close'],
    body: Buffer.from('x'),
  });
  assert.equal(added, 'HTTP/1.1 200\r\nA: b\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx');
});

test('a switch of protocols keeps its Upgrade', () => {
  assert.equal(
    forwarded(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
    ),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\nConnection: Upgrade\r\n\r\n',
  );
});

test('an HTTP/1.0 response goes on in HTTP/1.1, which is what the next hop speaks with us', () => {
  assert.equal(forwarded('HTTP/1.0 200 OK\r\nA: b\r\n\r\n'), 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n');
});

test('a response without header lines goes on', () => {
  assert.equal(forwarded('HTTP/1.1 204\r\n\r\n'), 'HTTP/1.1 204\r\n\r\n');
});
