import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ConnectionFault } from '../../../../src/egress/wire/http2/fault.ts';
import { outgoingField, secretField } from '../../../../src/egress/wire/http2/header-field.ts';
import type { HeaderField } from '../../../../src/egress/wire/http2/header-field.ts';
import { HpackDecoder } from '../../../../src/egress/wire/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../../../src/egress/wire/http2/hpack-encoder.ts';
import { Output } from '../../../../src/egress/wire/http2/output.ts';
import type { Pairs } from './frames.ts';

function encode(encoder: HpackEncoder, fields: readonly HeaderField[]): Buffer {
  const out = new Output();
  encoder.encode(fields, out);
  return Buffer.from(out.bytes.subarray(0, out.size));
}

function fieldsOf(pairs: Pairs): HeaderField[] {
  return pairs.map(([name, value]) => outgoingField(name, value));
}

function decode(decoder: HpackDecoder, bytes: Buffer): HeaderField[] {
  const fields = decoder.decode(bytes, 0, bytes.length);
  if (fields instanceof ConnectionFault) throw new TypeError(fields.reason);
  return fields;
}

function pairsOf(fields: readonly HeaderField[]): Pairs {
  return fields.map(({ name, value, bytes }) => [name, bytes === null ? value : bytes.toString('latin1')]);
}

test('the requests of RFC 7541 appendix C.3 come out as they stand there', () => {
  const encoder = new HpackEncoder();
  const first: Pairs = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ];
  assert.equal(encode(encoder, fieldsOf(first)).toString('hex'), '828684410f7777772e6578616d706c652e636f6d');
  assert.equal(
    encode(encoder, fieldsOf([...first, ['cache-control', 'no-cache']])).toString('hex'),
    '828684be58086e6f2d6361636865',
  );
  const third: Pairs = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ];
  assert.equal(
    encode(encoder, fieldsOf(third)).toString('hex'),
    '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
  );
});

test('what stays the same costs an octet, and what changes is not put into the table again and again', () => {
  const encoder = new HpackEncoder();
  const send = (id: number) =>
    encode(
      encoder,
      fieldsOf([
        ['x-request-id', `id-${id}`],
        ['accept', 'application/json'],
      ]),
    ).length;
  const sizes = Array.from({ length: 200 }, (_, id) => send(id + 100));
  assert.deepEqual(
    new Set(sizes.slice(1)),
    new Set([10]),
    'the name by its index, the value, and one octet for the rest',
  );
  assert.equal(send(299), 10, 'a value that comes twice running goes into the table');
  assert.equal(send(299), 2);
});

test('a field that was indexed for one connection is looked up anew for another', () => {
  const field = outgoingField('x-name', 'value');
  const first = new HpackEncoder();
  const second = new HpackEncoder();
  encode(first, [outgoingField('a', 'b'), field]);
  const ends = [new HpackDecoder(), new HpackDecoder()] as const;
  assert.deepEqual(pairsOf(decode(ends[0], encode(second, [field]))), [['x-name', 'value']]);
  assert.deepEqual(pairsOf(decode(ends[0], encode(second, [field]))), [['x-name', 'value']]);
  assert.deepEqual(pairsOf(decode(ends[1], encode(new HpackEncoder(), [field]))), [['x-name', 'value']]);
});

test('a credential is never indexed, stands in no table, and is overwritten once it has been written', () => {
  const encoder = new HpackEncoder();
  const credential = Buffer.from('real-value-of-a-secret');
  for (let i = 0; i < 3; i++) {
    const out = new Output();
    encoder.encode([secretField('x-api-key', credential)], out);
    const bytes = out.bytes;
    const written = Buffer.from(bytes.subarray(0, out.size));
    assert.equal(written.toString('latin1'), `\x10\x09x-api-key\x16real-value-of-a-secret`);
    assert.equal(decode(new HpackDecoder(), written)[0]?.neverIndexed, true);
    out.clear();
    assert.equal(bytes.includes(credential), false);
  }
});

test('authorization is never indexed, and a field that came as never indexed stays so', () => {
  const encoder = new HpackEncoder();
  assert.equal(encode(encoder, fieldsOf([['authorization', 'Bearer x']]))[0], 0x1f);
  assert.equal(encode(encoder, fieldsOf([['proxy-authorization', 'Basic x']]))[0], 0x1f);
  const [came] = decode(new HpackDecoder(), Buffer.from('\x10\x01a\x01b', 'latin1'));
  assert.ok(came);
  for (let i = 0; i < 3; i++) assert.equal(encode(encoder, [came]).toString('latin1'), '\x10\x01a\x01b');
});

test('the limit that the peer sets is announced in the next block, the smallest first', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  const fields = fieldsOf([['a', 'b']]);
  decode(decoder, encode(encoder, fields));
  encoder.limitTable(0);
  encoder.limitTable(65_536);
  const changed = encode(encoder, fields);
  assert.equal(changed.subarray(0, 4).toString('hex'), '203fe11f');
  assert.deepEqual(pairsOf(decode(decoder, changed)), [['a', 'b']]);
  encoder.limitTable(0);
  assert.equal(encode(encoder, fields).toString('latin1'), '\x20\x00\x01a\x01b');
  assert.equal(encode(encoder, fields).toString('latin1'), '\x00\x01a\x01b', 'nothing goes into a table of no size');
});

const name = fc.oneof(
  fc.constantFrom('accept', 'cookie', ':path', 'x-a', 'x-b', 'content-type', 'authorization'),
  fc.stringMatching(/^[a-z][a-z0-9-]{0,60}$/),
);
const value = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'application/json', 'v'.repeat(900), 'v'.repeat(1100), 'w'.repeat(20_000)),
  fc.string({ unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 300 }),
);

test('whatever is encoded comes back the same, over many blocks and changes of the limit', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.array(fc.tuple(name, value, fc.boolean()), { maxLength: 12 }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 31, 100, 1000, 4096, 100_000) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder();
      let before: HeaderField[] = [];
      for (const each of steps) {
        if (typeof each === 'number') {
          encoder.limitTable(each);
          continue;
        }
        const fields = each.map(([key, text, secret]) =>
          secret ? secretField(key, Buffer.from(text, 'latin1')) : outgoingField(key, text),
        );
        // Fields of an earlier block too, which carry the encoder's notes.
        const all = [...fields, ...before];
        const came = decode(decoder, encode(encoder, all));
        if (!decoder.tooLarge) assert.deepEqual(pairsOf(came), pairsOf(all));
        before = fields;
      }
    }),
    { numRuns: 300 },
  );
});
