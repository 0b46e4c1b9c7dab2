import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goesOnUnchanged } from '../../../src/egress/wire/forward-response.ts';
import { parseResponseHead } from '../../../src/egress/wire/http1-response.ts';
import { WireError } from '../../../src/egress/wire/wire-error.ts';

test('a head without fields of the upstream connection goes on as it is, also with a keep-alive', () => {
  for (const lines of [[], ['Connection: keep-alive'], ['connection: Keep-Alive', 'ETag: "x"'], ['Set-Cookie: a=b']]) {
    assert.equal(unchanged('200 OK', lines), true, lines.join());
  }
});

test('a head that says something of the upstream connection, or names a way past the proxy, is rewritten', () => {
  for (const line of [
    'Connection: close',
    'Connection: keep-alive, X-Internal',
    'Keep-Alive: timeout=5',
    'Alt-Svc: h3=":443"',
    'Proxy-Authenticate: Basic',
    'Upgrade: h2c',
    'TE: trailers',
  ]) {
    assert.equal(unchanged('200 OK', [line]), false, line);
  }
});

test('a switch of protocols is always rewritten', () => {
  assert.equal(unchanged('101 Switching Protocols', ['Connection: Upgrade', 'Upgrade: websocket']), false);
});

function unchanged(status: string, lines: string[]): boolean {
  const bytes = Buffer.from([`HTTP/1.1 ${status}`, ...lines, 'Content-Length: 0', '', ''].join('\r\n'), 'latin1');
  const head = parseResponseHead(bytes, 0, { end: bytes.length, method: 'GET' });
  assert.ok(!(head instanceof WireError));
  return goesOnUnchanged(head);
}
