import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Socks5Session, socks4Refusal } from '../../../src/egress/listeners/socks5.ts';
import type { SocksStep } from '../../../src/egress/listeners/socks5.ts';

const greeting = Buffer.from([5, 1, 2]);
const credentials = Buffer.concat([Buffer.from([1, 2]), Buffer.from('id'), Buffer.from([5]), Buffer.from('token')]);
const chooses = { kind: 'answer', bytes: Buffer.from([5, 2]) };

function request(address: Buffer, { port = 443, command = 1 } = {}): Buffer {
  return Buffer.concat([Buffer.from([5, command, 0]), address, Buffer.from([port >> 8, port & 255])]);
}

function named(host: string): Buffer {
  return Buffer.concat([Buffer.from([3, host.length]), Buffer.from(host, 'latin1')]);
}

const v4 = Buffer.from([1, 192, 0, 2, 7]);
const v6 = Buffer.concat([Buffer.from([4]), Buffer.from('20010db8000000000000000000000001', 'hex')]);

/** Every step of a session that says yes to all; `pieces` in the way in which they come. */
function run(pieces: Iterable<Buffer>, { authenticates = true } = {}): { steps: SocksStep[]; rest: Buffer } {
  const session = new Socks5Session({ authenticates });
  const steps: SocksStep[] = [];
  for (const piece of pieces) {
    session.push(piece);
    for (;;) {
      const step = session.next();
      if (step.kind === 'more') break;
      steps.push(step);
      if (step.kind === 'credentials') session.accept('credentials');
      if (step.kind === 'connect') session.accept('connect');
      if (step.kind === 'refused') return { steps, rest: session.rest };
    }
  }
  return { steps, rest: session.rest };
}

test('a client with the right words gets its tunnel, byte by byte as well as in one piece', () => {
  for (const [address, to] of [
    [named('API.example.com'), { host: 'api.example.com', port: 443, isAddress: false }],
    [named('192.0.2.7'), { host: '192.0.2.7', port: 443, isAddress: true }],
    [v4, { host: '192.0.2.7', port: 443, isAddress: true }],
    [v6, { host: '2001:db8::1', port: 443, isAddress: true }],
  ] as const) {
    const bytes = Buffer.concat([greeting, credentials, request(address)]);
    const expected = [chooses, { kind: 'credentials', id: 'id', token: 'token' }, { kind: 'connect', to }];
    assert.deepEqual(run([bytes]).steps, expected);
    assert.deepEqual(run([...bytes].map((byte) => Buffer.from([byte]))).steps, expected);
  }
});

test('what a client sends ahead of the answer is kept for the tunnel', () => {
  const { rest } = run([Buffer.concat([greeting, credentials, request(v4), Buffer.from('\x16\x03\x01ahead')])]);
  assert.equal(rest.toString('latin1'), '\x16\x03\x01ahead');
});

test('a client that offers no user name and password gets 0xFF, as RFC 1928 section 3 has it', () => {
  for (const methods of [[], [0], [0, 1, 3], [255]]) {
    const [step] = run([Buffer.from([5, methods.length, ...methods])]).steps;
    assert.deepEqual(step?.kind === 'refused' && [...step.bytes], [5, 0xff], String(methods));
  }
});

test('where the listener says who calls, no authentication is chosen, and a password is taken unread', () => {
  const open = { authenticates: false };
  assert.deepEqual(
    run([Buffer.from([5, 2, 2, 0]), request(v4)], open).steps.map(({ kind }) => kind),
    ['answer', 'connect'],
  );
  const steps = run([greeting, credentials, request(v4)], open).steps;
  assert.deepEqual(
    steps.map(({ kind }) => kind),
    ['answer', 'credentials', 'connect'],
  );
});

test('malformed credentials are refused with a status that is not success (RFC 1929 section 2)', () => {
  for (const bad of [
    [2, 1, 65, 1, 65],
    [1, 0],
    [1, 1, 65, 0],
  ]) {
    const step = run([greeting, Buffer.from(bad)]).steps.at(-1);
    assert.deepEqual(step?.kind === 'refused' && [...step.bytes], [1, 1], String(bad));
  }
});

test('what cannot be served is answered with the reply that says so', () => {
  const reply = (bytes: Buffer) => {
    const step = run([greeting, credentials, bytes]).steps.at(-1);
    return step?.kind === 'refused' ? [step.bytes[0], step.bytes[1], step.bytes.length] : step?.kind;
  };
  assert.deepEqual(reply(request(v4, { command: 2 })), [5, 7, 10], 'BIND');
  assert.deepEqual(reply(request(v4, { command: 3 })), [5, 7, 10], 'UDP ASSOCIATE');
  assert.deepEqual(reply(request(Buffer.from([2, 1, 2, 3, 4]))), [5, 8, 10], 'an unknown type of address');
  assert.deepEqual(reply(request(v4, { port: 0 })), [5, 1, 10], 'port 0');
  assert.deepEqual(reply(Buffer.from([4, 1, 0])), [5, 1, 10], 'another version');
  assert.deepEqual(reply(Buffer.from([5, 1, 1])), [5, 1, 10], 'the reserved octet');
  for (const host of ['', 'a..b', 'a.example.com.', '0x7f.1', '127.1', 'a_b.example', 'a\0.example', 'fe80::1%eth0']) {
    assert.deepEqual(reply(request(named(host))), [5, 1, 10], JSON.stringify(host));
  }
});

test('nobody is let past a judgement: the next message is read only after it', () => {
  const session = new Socks5Session({ authenticates: true });
  session.push(Buffer.concat([greeting, credentials, request(v4)]));
  assert.equal(session.next().kind, 'answer');
  assert.equal(session.next().kind, 'credentials');
  assert.equal(session.next().kind, 'more');
  assert.deepEqual([...session.refuse('credentials', 'general_failure')], [1, 1]);
  assert.equal(session.next().kind, 'more');
  assert.equal(session.rest.length, 0);
});

test('the answers to a judgement are those of the RFCs', () => {
  const session = new Socks5Session({ authenticates: true });
  assert.deepEqual([...session.accept('credentials')], [1, 0]);
  assert.deepEqual([...session.accept('connect')], [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...session.refuse('connect', 'not_allowed')], [5, 2, 0, 1, 0, 0, 0, 0, 0, 0]);
  assert.equal(socks4Refusal[1], 0x5b);
});

test('any bytes in any pieces give the same steps, and never hold more than one message', () => {
  const piece = fc.oneof(
    fc.constantFrom(greeting, credentials, request(v4), request(v6), request(named('a.example.com'))),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 5 }), fc.boolean(), (pieces, authenticates) => {
      const bytes = Buffer.concat(pieces);
      const whole = run([bytes], { authenticates });
      const single = run(
        [...bytes].map((byte) => Buffer.from([byte])),
        { authenticates },
      );
      assert.deepEqual(single.steps, whole.steps);
      const open = !whole.steps.some(({ kind }) => kind === 'connect' || kind === 'refused');
      if (open) assert.ok(single.rest.length < 514);
    }),
  );
});
