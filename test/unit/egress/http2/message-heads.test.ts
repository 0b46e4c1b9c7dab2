import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { trailerSection } from '../../../../src/egress/wire/http2/field-lines.ts';
import { outgoingField, secretField } from '../../../../src/egress/wire/http2/header-field.ts';
import { requestFields, responseFields, trailerFields } from '../../../../src/egress/wire/http2/outgoing-fields.ts';
import { buildRequestHead } from '../../../../src/egress/inject-head.ts';
import type { RequestHead, ResponseHead } from '../../../../src/egress/wire/head.ts';
import { parseRequestHead } from '../../../../src/egress/wire/http1-request.ts';
import { parseResponseHead } from '../../../../src/egress/wire/http1-response.ts';
import { trailerLines } from '../../../../src/egress/wire/trailers.ts';
import { WireError } from '../../../../src/egress/wire/wire-error.ts';
import { get, post } from './frames.ts';
import type { Pairs } from './frames.ts';
import { answer, decode, good, read, refused, webSocketKey } from './heads.ts';

/** All that a head says, its lines as the judge reads them. */
function described(head: RequestHead | ResponseHead) {
  const { lines, ...rest } = head;
  const each = Array.from({ length: lines.count }, (_, line) => ({
    name: lines.name(line),
    value: lines.value(line),
    kind: lines.kinds[line],
    marks: lines.marks.slice(line * 4, line * 4 + 4),
    written: lines.text.slice(lines.lineStart(line), lines.lineEnd(line)),
  }));
  return { ...rest, text: lines.text, each };
}

/** The same text, read by the parser of HTTP/1.1. */
function asHttp1(head: RequestHead): unknown {
  const bytes = Buffer.from(head.lines.text, 'latin1');
  const parsed = parseRequestHead(bytes, 0, bytes.length);
  return parsed instanceof WireError ? parsed : described(parsed);
}

test('a request is read as HTTP/1.1 would write it', () => {
  const head = good([...post, ['x-api-key', 'k'], ['cookie', 'a=b'], ['te', 'trailers'], ['cookie', 'c=d']], false);
  assert.equal(
    head.lines.text,
    'POST / HTTP/1.1\r\nhost: a.example\r\nx-api-key: k\r\ncookie: a=b; c=d\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\r\n',
  );
  assert.equal(head.lines.name(1), 'x-api-key');
  assert.equal(head.lines.lineAt(head.lines.text.indexOf('c=d')), 2);
  assert.deepEqual(head.framing, { kind: 'chunked' });
  assert.deepEqual(good([...post, ['content-length', '3']], false).framing, { kind: 'length', length: 3 });
  assert.deepEqual(good(get).framing, { kind: 'none' });
  assert.equal(good([...post, ['expect', '100-continue']], false).expectContinue, true);
});

test('Host may stand for :authority, and must not differ from it', () => {
  const bare = get.filter(([name]) => name !== ':authority');
  assert.equal(good([...bare, ['host', 'a.example:8443']]).host, 'a.example:8443');
  assert.equal(good([...get, ['host', 'A.example']]).lines.text.match(/host/g)?.length, 1);
  assert.match(refused([...get, ['host', 'b.example']]).reason, /8\.3\.1/);
  assert.match(refused(bare).reason, /:authority/);
});

test('a websocket by extended CONNECT is a handshake of HTTP/1.1', () => {
  const head = good(
    [
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'https'],
      [':authority', 'a.example'],
      [':path', '/chat'],
      ['sec-websocket-version', '13'],
      ['sec-websocket-key', 'x'],
    ],
    false,
  );
  assert.equal(head.upgrade, 'websocket');
  assert.equal(head.method, 'GET');
  assert.deepEqual(asHttp1(head), described(head));
  assert.ok(
    head.lines.text.endsWith(`connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${webSocketKey}\r\n\r\n`),
  );
  assert.equal(head.lines.text.match(/sec-websocket-key/g)?.length, 1);
  const fields = requestFields(head, {
    scheme: 'https',
    authority: 'a.example',
    path: outgoingField(':path', '/chat'),
  });
  assert.deepEqual(
    fields.map(({ name, value }) => `${name} ${value}`),
    [
      ':method CONNECT',
      ':protocol websocket',
      ':scheme https',
      ':authority a.example',
      ':path /chat',
      'sec-websocket-version 13',
    ],
  );
});

test('a plain CONNECT names host and port, and nothing else', () => {
  const head = good(
    [
      [':method', 'CONNECT'],
      [':authority', 'a.example:443'],
    ],
    false,
  );
  assert.equal(head.targetForm, 'authority');
  assert.deepEqual(asHttp1(head), described(head));
});

const odd = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 8, arbitrary: usual }, { weight: 1, arbitrary: rare });
const name = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z][a-z-]{0,8}$/) },
  { weight: 3, arbitrary: fc.constantFrom('accept', 'cookie', 'expect', 'alt-svc', 'proxy-authorization') },
  { weight: 1, arbitrary: fc.constantFrom('host', 'content-length', 'te') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('max-forwards', 'connection', 'transfer-encoding', 'upgrade', 'A', ':path', ''),
  },
);
const value = odd(
  fc
    .oneof(
      fc.constantFrom('a.example', '0', '12', 'trailers', '100-continue', 'chunked', 'websocket', 'h2c', ''),
      fc.string({ unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 12 }),
    )
    .map((text) => text.replaceAll('\x7f', '~')),
  fc.oneof(fc.constant('a\r\nb: c'), fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)) })),
);
const method = odd(
  fc.constantFrom('GET', 'POST', 'X!', 'OPTIONS'),
  fc.constantFrom('TRACE', 'CONNECT', 'connect', 'A B', ''),
);
const path = odd(
  fc.oneof(
    fc.constantFrom('/', '/a?b=c'),
    fc.stringMatching(/^[!$-~]{0,12}$/).map((text) => `/${text}`),
  ),
  fc.constantFrom('*', '', '/ x', '/\xe4', '/#', 'http://a.example/'),
);
const authority = odd(
  fc.constantFrom('a.example', 'a.example:443', '[::1]:443'),
  fc.constantFrom('u@a.example', 'a_b', ''),
);

test('whatever request is accepted, the parser of HTTP/1.1 accepts too and reads the same in it', () => {
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.record({ method, path, authority, protocol: odd(fc.constant(null), fc.constant('websocket')) }),
      fc.array(fc.tuple(name, value), { maxLength: 6 }),
      fc.boolean(),
      (pseudo, pairs, endStream) => {
        const all: Pairs = [
          // Without CONNECT it is refused, and nothing is learned of it.
          [':method', pseudo.protocol === null ? pseudo.method : 'CONNECT'],
          ...(pseudo.protocol === null ? [] : [[':protocol', pseudo.protocol] as const]),
          ...(pseudo.method === 'CONNECT' && pseudo.protocol === null
            ? []
            : ([
                [':scheme', 'https'],
                [':path', pseudo.path],
              ] as const)),
          [':authority', pseudo.authority],
          ...pairs,
        ];
        const head = read(all, endStream);
        if (head instanceof WireError) return;
        accepted++;
        assert.deepEqual(asHttp1(head), described(head));
      },
    ),
    { numRuns: 20_000 },
  );
  assert.ok(accepted > 2000, `${accepted} were accepted`);
});

test('whatever answer is accepted, the parser of HTTP/1.1 accepts too and reads the same in it', () => {
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.constantFrom('200', '204', '304', '103', '404', '999', '99', '101'),
      fc.array(fc.tuple(name, value), { maxLength: 5 }),
      fc.record({ method: fc.constantFrom('GET', 'HEAD'), endStream: fc.boolean() }),
      (status, pairs, about) => {
        const head = answer([[':status', status], ...pairs], about);
        if (head instanceof WireError) return;
        accepted++;
        const bytes = Buffer.from(head.lines.text, 'latin1');
        const parsed = parseResponseHead(bytes, 0, { end: bytes.length, method: about.method });
        assert.ok(!(parsed instanceof WireError));
        assert.deepEqual(described(parsed), described(head));
      },
    ),
    { numRuns: 10_000 },
  );
  assert.ok(accepted > 500, `${accepted} were accepted`);
});

test('a head of either version goes to an HTTP/2 upstream without the fields of its connection', () => {
  const bytes = Buffer.from(
    'GET /x?k=stand-in HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, X-Hop, TE\r\nX-Hop: 1\r\nTE: trailers\r\nProxy-Authorization: x\r\nX-Api-Key: stand-in\r\nAccept: */*\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  const first = parseRequestHead(bytes, 0, bytes.length);
  assert.ok(!(first instanceof WireError));
  const second = good([...get, ['te', 'trailers'], ['x-api-key', 'stand-in'], ['accept', '*/*']], false);
  for (const head of [first, second]) {
    const { lines } = head;
    const at =
      Array.from({ length: lines.count }, (_, line) => line).find((line) => lines.isNamed(line, 'x-api-key')) ?? 0;
    const fields = requestFields(head, {
      scheme: 'https',
      authority: 'a.example',
      path: secretField(':path', Buffer.from('/x?k=real')),
      drop: (line) => line === at,
      insert: [{ line: at, fields: [secretField('x-api-key', Buffer.from('real'))] }],
    });
    assert.deepEqual(
      fields.map((field) => `${field.name} ${field.bytes?.toString() ?? field.value}`),
      [
        ':method GET',
        ':scheme https',
        ':authority a.example',
        ':path /x?k=real',
        'te trailers',
        'x-api-key real',
        'accept */*',
      ],
    );
  }
});

test('an answer of either version goes to an HTTP/2 client without the fields of its connection', () => {
  const bytes = Buffer.from(
    'HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nAlt-Svc: h3=":443"\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  const first = parseResponseHead(bytes, 0, { end: bytes.length, method: 'GET' });
  const second = answer([
    [':status', '200'],
    ['alt-svc', 'h3=":443"'],
    ['server', 'x'],
  ]);
  const empty = answer(
    [
      [':status', '200'],
      ['server', 'x'],
    ],
    { endStream: true },
  );
  for (const head of [first, second, empty]) {
    assert.ok(!(head instanceof WireError));
    assert.deepEqual(
      responseFields(head).map((field) => `${field.name} ${field.value}`),
      [':status 200', 'server x'],
    );
  }
});

test('a request that came over HTTP/2 goes to an HTTP/1.1 upstream by the writer that is there', () => {
  const head = good([...post, ['te', 'trailers'], ['accept', '*/*'], ['expect', '100-continue']], false);
  const built = buildRequestHead(head, { path: '/', swaps: [], values: [] });
  assert.ok(Buffer.isBuffer(built));
  assert.equal(
    built.toString('latin1'),
    'POST / HTTP/1.1\r\nhost: a.example\r\naccept: */*\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n',
  );
});

test('trailers are read by the judge of those of HTTP/1.1', () => {
  const section = trailerSection(
    decode([
      ['grpc-status', '0'],
      ['x-sum', '1'],
    ]),
  );
  assert.equal(section.toString('latin1'), 'grpc-status: 0\r\nx-sum: 1\r\n\r\n');
  const lines = trailerLines(section);
  assert.ok(!(lines instanceof WireError));
  assert.deepEqual(
    trailerFields(lines).map((field) => `${field.name} ${field.value}`),
    ['grpc-status 0', 'x-sum 1'],
  );
});
