import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { buildRequestHead } from '../../../src/egress/inject-head.ts';
import { judgeCredentials } from '../../../src/egress/inject.ts';
import type { BindingSnapshot, Slot } from '../../../src/egress/ports.ts';
import { bearer, binding, headerSlot, headerSlots, host, sandboxOf } from './sandboxes.ts';
import { goodHead } from './support.ts';

const value = 'real-value-Ä';
const bytes = Buffer.from(value, 'utf8');
const onTheWire = bytes.toString('latin1');

/** What goes upstream for `text`, whose stand-ins must all be in their slots. */
function sent(
  bindings: BindingSnapshot[],
  text: string,
  options: { path?: string; real?: Buffer; body?: Buffer } = {},
): string {
  const head = goodHead(text);
  const path = options.path ?? head.target;
  const target = { host, port: 443, scheme: 'https', isAddress: false, path } as const;
  const judgement = judgeCredentials(sandboxOf(...bindings), { head, target });
  assert.notEqual(judgement.kind, 'refuse', JSON.stringify(judgement));
  const swaps = judgement.kind === 'inject' ? judgement.swaps : [];
  const values = swaps.map(() => options.real ?? bytes);
  const built = buildRequestHead(head, {
    path,
    swaps,
    values,
    ...(options.body === undefined ? {} : { body: options.body }),
  });
  assert.ok(Buffer.isBuffer(built), 'refused' in built ? built.refused.message : '');
  return built.toString('latin1');
}

function lines(...all: string[]): string {
  return [...all, '', ''].join('\r\n');
}

test('the real value stands where the stand-in stood, and nothing else changes', () => {
  const own = binding('OWN', [bearer]);
  assert.equal(
    sent(
      [own],
      lines(
        'POST /a?b=c HTTP/1.1',
        'X-First:  1 ',
        `authorization:bearer ${own.standIn}`,
        'host: api.example.com',
        'x-LAST:2',
      ),
    ),
    lines(
      'POST /a?b=c HTTP/1.1',
      'X-First:  1 ',
      `Authorization: Bearer ${onTheWire}`,
      'host: api.example.com',
      'x-LAST:2',
    ),
  );
});

test('every other spelling and repetition of the header is gone', () => {
  const own = binding('OWN', [headerSlot('X-Api-Key')]);
  assert.equal(
    sent(
      [own],
      lines(
        'GET / HTTP/1.1',
        'X-API-KEY: mine',
        'Host: api.example.com',
        `x-api-key: ${own.standIn}`,
        'x_api_key: mine',
        'X_Api-Key: mine',
        'X-Api-Keys: kept',
      ),
    ),
    lines('GET / HTTP/1.1', 'Host: api.example.com', `X-Api-Key: ${onTheWire}`, 'X-Api-Keys: kept'),
  );
});

test('a rule may own a header that means something to the proxy too', () => {
  const own = binding('OWN', [headerSlot('Expect')]);
  assert.equal(
    sent([own], lines('GET / HTTP/1.1', 'expect: mine', `Expect: ${own.standIn}`, 'Host: api.example.com')),
    lines('GET / HTTP/1.1', `Expect: ${onTheWire}`, 'Host: api.example.com'),
  );
});

test('a rule of several headers sets each, in its place where the client had one', () => {
  const set = [
    { name: 'X-Id', before: 'id ', after: '!' },
    { name: 'X-Secret', before: '', after: '' },
  ];
  const own = binding('OWN', headerSlots(set));
  const written = [`X-Id: id ${onTheWire}!`, `X-Secret: ${onTheWire}`] as const;
  assert.equal(
    sent([own], lines('GET / HTTP/1.1', `x-id: id ${own.standIn}!`, 'Host: api.example.com', 'x-secret: mine', 'A: b')),
    lines('GET / HTTP/1.1', written[0], 'Host: api.example.com', written[1], 'A: b'),
  );
  assert.equal(
    sent([own], lines('GET / HTTP/1.1', 'Host: api.example.com', `x-secret: ${own.standIn}`)),
    lines('GET / HTTP/1.1', 'Host: api.example.com', ...written),
  );
});

test("Basic credentials keep the client's user name, unless the rule has one; x where there is none", () => {
  const cases: [Slot, (standIn: string) => string, Buffer][] = [
    [basicSlot(null), (standIn) => `m\xfcller:${standIn}`, Buffer.concat([Buffer.from('m\xfcller:', 'latin1'), bytes])],
    [basicSlot(null), (standIn) => `:${standIn}`, Buffer.concat([Buffer.from('x:'), bytes])],
    [basicSlot(null), (standIn) => standIn, Buffer.concat([Buffer.from('x:'), bytes])],
    [basicSlot(null), (standIn) => `${standIn}:`, Buffer.concat([Buffer.from('x:'), bytes])],
    [
      basicSlot('x-access-token'),
      (standIn) => `mine:${standIn}`,
      Buffer.concat([Buffer.from('x-access-token:'), bytes]),
    ],
    [basicSlot(null, 'username'), (standIn) => `${standIn}:`, Buffer.concat([bytes, Buffer.from(':')])],
  ];
  for (const [kind, credentials, expected] of cases) {
    const own = binding('OWN', [kind]);
    const carried = Buffer.from(credentials(own.standIn), 'latin1').toString('base64');
    assert.equal(
      sent(
        [own],
        lines(
          'GET / HTTP/1.1',
          'Host: api.example.com',
          `authorization: BASIC ${carried}`,
          'Authorization: Bearer mine',
        ),
      ),
      lines('GET / HTTP/1.1', 'Host: api.example.com', `Authorization: Basic ${expected.toString('base64')}`),
    );
  }
});

test('a query parameter gets the value percent-encoded, in its place', () => {
  const own = binding('OWN', [{ kind: 'query', name: 'key' }]);
  const real = Buffer.from('a b+c&d=e%f/Ä~-._');
  assert.equal(
    sent([own], lines(`GET /x?%61=%2f&key=${own.standIn}&z=1 HTTP/1.1`, 'Host: api.example.com'), { real }),
    lines('GET /x?%61=%2f&key=a%20b%2Bc%26d%3De%25f%2F%C3%84~-._&z=1 HTTP/1.1', 'Host: api.example.com'),
  );
});

test('two parameters and a header at once', () => {
  const one = binding('ONE', [{ kind: 'query', name: 'one' }]);
  const two = binding('TWO', [{ kind: 'query', name: 'two' }]);
  const three = binding('THREE', [bearer]);
  assert.equal(
    sent(
      [two, one, three],
      lines(
        `GET /?two=${two.standIn}&a&one=${one.standIn} HTTP/1.1`,
        `Authorization: Bearer ${three.standIn}`,
        'Host: api.example.com',
      ),
      {
        real: Buffer.from('v'),
      },
    ),
    lines('GET /?two=v&a&one=v HTTP/1.1', 'Authorization: Bearer v', 'Host: api.example.com'),
  );
});

test('an absolute URL goes on in origin form', () => {
  const own = binding('OWN', [{ kind: 'query', name: 'key' }]);
  const text = lines(`GET https://api.example.com?key=${own.standIn} HTTP/1.1`, 'Host: api.example.com');
  assert.equal(
    sent([own], text, { path: `/?key=${own.standIn}`, real: Buffer.from('v') }),
    lines('GET /?key=v HTTP/1.1', 'Host: api.example.com'),
  );
});

test("fields of the client's connection end here, the proxy token first of all", () => {
  const text = lines(
    'GET / HTTP/1.0',
    'Proxy-Authorization: Basic c2FuZGJveDp0b2tlbg==',
    'Host: api.example.com',
    'Connection: keep-alive, X-Hop, TE',
    'PROXY-CONNECTION: keep-alive',
    'Keep-Alive: 5',
    'TE: trailers',
    'X-HOP: 1',
    'Upgrade: websocket',
    'Trailer: X-Checksum',
    'Expect: 100-continue',
  );
  assert.equal(
    sent([], text),
    lines('GET / HTTP/1.0', 'Host: api.example.com', 'Trailer: X-Checksum', 'Expect: 100-continue'),
  );
});

test('a websocket handshake keeps its Upgrade', () => {
  const text = lines(
    'GET / HTTP/1.1',
    'Host: api.example.com',
    'connection: keep-alive, upgrade',
    'upgrade: WebSocket',
    'Sec-WebSocket-Key: x',
  );
  assert.equal(
    sent([], text),
    lines(
      'GET / HTTP/1.1',
      'Host: api.example.com',
      'Connection: Upgrade',
      'upgrade: WebSocket',
      'Sec-WebSocket-Key: x',
    ),
  );
});

test('content at hand follows the head', () => {
  const own = binding('OWN', [bearer]);
  const text = lines(
    'POST / HTTP/1.1',
    'Host: api.example.com',
    `Authorization: Bearer ${own.standIn}`,
    'Content-Length: 2',
  );
  assert.ok(sent([own], text, { body: Buffer.from([0xff, 0x00]) }).endsWith('Content-Length: 2\r\n\r\n\xff\x00'));
});

test('a value with a control character is never written', () => {
  const own = binding('OWN', [bearer, basicSlot(null), { kind: 'query', name: 'key' }]);
  const sandbox = sandboxOf(own);
  const head = goodHead(lines('GET / HTTP/1.1', 'Host: api.example.com', `Authorization: Bearer ${own.standIn}`));
  const target = { host, port: 443, scheme: 'https', isAddress: false, path: '/' } as const;
  const judgement = judgeCredentials(sandbox, { head, target });
  assert.ok(judgement.kind === 'inject');
  for (const bad of ['a\r\nX: b', 'a\n', '\r', 'a\0b', '\x1b', '\x7f']) {
    const built = buildRequestHead(head, {
      path: '/',
      swaps: judgement.swaps,
      values: [Buffer.from(bad)],
    });
    assert.ok('refused' in built && built.refused.status === 502);
    assert.ok(!built.refused.message.includes(bad));
  }
  assert.throws(() => buildRequestHead(head, { path: '/', swaps: judgement.swaps, values: [] }), /no value/);
});

function basicSlot(username: string | null, place: 'password' | 'username' = 'password'): Slot {
  return { kind: 'basic', username, place };
}

test('whatever a client sends, its bytes arrive but for what the rule owns', () => {
  const own = binding('OWN', [headerSlot('X-Key', 'k ')]);
  const hopByHop =
    /^(connection|keep-alive|te|upgrade|proxy-.*|http2-settings|host|expect|content-length|transfer-encoding|max-forwards)$/i;
  const name = fc
    .stringMatching(/^[A-Za-z0-9!#$&'*+.^_`|~-]{1,16}$/)
    .filter((each) => !hopByHop.test(each) && !/^x[-_]key$/i.test(each));
  const field = fc
    .tuple(name, fc.stringMatching(/^[ \t]{0,2}[\x21-\x7e\x80-\xff\t ]{0,30}$/))
    .map(([key, content]) => `${key}:${content}`);
  const target = fc.stringMatching(/^\/[!-"$-~]{0,30}$/);
  fc.assert(
    fc.property(
      target,
      fc.array(field),
      fc.array(field),
      fc.array(fc.constantFrom('X-Key: a', 'x_key:', 'X-KEY: b')),
      (path, before, after, repeated) => {
        const text = lines(
          `PUT ${path} HTTP/1.1`,
          ...before,
          `x-key: K ${own.standIn}`,
          ...after,
          ...repeated,
          'Host: api.example.com',
        );
        assert.equal(
          sent([own], text),
          lines(`PUT ${path} HTTP/1.1`, ...before, `X-Key: k ${onTheWire}`, ...after, 'Host: api.example.com'),
        );
      },
    ),
    { numRuns: 300 },
  );
});
