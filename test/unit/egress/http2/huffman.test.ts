import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { huffmanLengths } from '../../../../src/egress/wire/http2/huffman-code.ts';
import { huffmanBound, huffmanDecode } from '../../../../src/egress/wire/http2/huffman.ts';

/** By the definition, one bit after the other: the code is canonical. */
const codes = new Map<number, string>();
{
  let code = 0n;
  let length = 0;
  const order = huffmanLengths
    .map((_, symbol) => symbol)
    .toSorted((a, b) => (huffmanLengths[a] ?? 0) - (huffmanLengths[b] ?? 0) || a - b);
  for (const symbol of order) {
    const next = huffmanLengths[symbol] ?? 0;
    code <<= BigInt(next - length);
    length = next;
    codes.set(symbol, code.toString(2).padStart(length, '0'));
    code++;
  }
}

function encode(text: Uint8Array): Buffer {
  let bits = '';
  for (const byte of text) bits += codes.get(byte) ?? '';
  return fromBits(bits.padEnd(Math.ceil(bits.length / 8) * 8, '1'));
}

function fromBits(bits: string): Buffer {
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((each) => Number.parseInt(each, 2)));
}

/** The same, slowly: null where it is refused. */
function reference(bytes: Buffer): Buffer | null {
  const bySymbol = new Map([...codes].map(([symbol, code]) => [code, symbol]));
  const out: number[] = [];
  let code = '';
  for (const bit of [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')) {
    code += bit;
    const symbol = bySymbol.get(code);
    if (symbol === undefined) continue;
    if (symbol === 256) return null;
    out.push(symbol);
    code = '';
  }
  return code.length < 8 && !code.includes('0') ? Buffer.from(out) : null;
}

function decode(bytes: Buffer): Buffer | null {
  const target = Buffer.alloc(huffmanBound(bytes.length) + 8, 0xaa);
  const around = Buffer.concat([Buffer.from([0, 0]), bytes, Buffer.from([0])]);
  const length = huffmanDecode(around, { start: 2, end: 2 + bytes.length }, target);
  assert.ok(length <= huffmanBound(bytes.length));
  return length === -1 ? null : target.subarray(0, length);
}

test('the ends of the code are those of RFC 7541 appendix B', () => {
  assert.equal(codes.get(0x30), '00000');
  assert.equal(codes.get(0x61), '00011');
  assert.equal(codes.get(0x3a), '1011100');
  assert.equal(codes.get(0), '1111111111000');
  assert.equal(codes.get(0xff), '11111111111111111111101110');
  assert.equal(codes.get(22), '1'.repeat(28) + '10');
  assert.equal(codes.get(256), '1'.repeat(30));
});

test('every octet comes back, alone and beside every other', () => {
  for (let a = 0; a < 256; a++) {
    for (let b = 0; b < 256; b++) {
      const text = Buffer.from([a, b]);
      assert.deepEqual(decode(encode(text)), text);
    }
  }
});

test('octets of any kind and length come back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (text) => assert.deepEqual(decode(encode(text)), Buffer.from(text))),
  );
});

test('what is decoded, and what is refused, is what the definition says', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.array(fc.constantFrom(0xff, 0xfe, 0x1f, 0x00, 0xfc), { maxLength: 8 }).map((all) => Uint8Array.from(all)),
  );
  fc.assert(
    fc.property(bytes, (each) => assert.deepEqual(decode(Buffer.from(each)), reference(Buffer.from(each)))),
    { numRuns: 20_000 },
  );
});
