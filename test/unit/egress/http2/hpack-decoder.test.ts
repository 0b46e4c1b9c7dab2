import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ConnectionFault } from '../../../../src/egress/wire/http2/fault.ts';
import { errorCode } from '../../../../src/egress/wire/http2/protocol.ts';
import { HpackDecoder } from '../../../../src/egress/wire/http2/hpack-decoder.ts';
import { block } from './frames.ts';

function decode(decoder: HpackDecoder, bytes: Buffer): string[] {
  // Within a larger buffer that is used again afterwards, as a read buffer is.
  const lent = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')]);
  const fields = decoder.decode(lent, 2, 2 + bytes.length);
  lent.fill(0);
  if (fields instanceof ConnectionFault) throw new TypeError(fields.reason);
  return fields.map(({ name, value, neverIndexed }) => `${name}: ${value}${neverIndexed ? ' (never)' : ''}`);
}

function fault(bytes: Buffer): string {
  const result = new HpackDecoder().decode(bytes, 0, bytes.length);
  assert.ok(result instanceof ConnectionFault, bytes.toString('hex'));
  assert.equal(result.code, errorCode.compressionError);
  return result.reason;
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

test('the single fields of RFC 7541 appendix C.2 are read', () => {
  const decoder = new HpackDecoder();
  assert.deepEqual(decode(decoder, hex('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572')), [
    'custom-key: custom-header',
  ]);
  assert.equal(decoder.tableBytes, 55);
  assert.deepEqual(decode(new HpackDecoder(), hex('040c 2f73 616d 706c 652f 7061 7468')), [':path: /sample/path']);
  assert.deepEqual(decode(new HpackDecoder(), hex('1008 7061 7373 776f 7264 0673 6563 7265 74')), [
    'password: secret (never)',
  ]);
  assert.deepEqual(decode(new HpackDecoder(), hex('82')), [':method: GET']);
});

const requests = [
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
  [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com', 'custom-key: custom-value'],
];

for (const [name, blocks] of [
  [
    'C.3 (as they are)',
    [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
  ],
  [
    'C.4 (Huffman code)',
    [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  ],
] as const) {
  test(`the requests of RFC 7541 appendix ${name} are read`, () => {
    const decoder = new HpackDecoder();
    const sizes = blocks.map((each, at) => {
      assert.deepEqual(decode(decoder, hex(each)), requests[at]);
      return decoder.tableBytes;
    });
    assert.deepEqual(sizes, [57, 110, 164]);
  });
}

for (const [name, blocks] of [
  [
    'C.5 (as they are)',
    [
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '4803 3330 37c1 c0bf',
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
    ],
  ],
  [
    'C.6 (Huffman code)',
    [
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ],
  ],
] as const) {
  test(`the answers of RFC 7541 appendix ${name} are read, with eviction`, () => {
    const decoder = new HpackDecoder();
    // The examples are of a table of 256 octets.
    decode(decoder, hex('3fe101'));
    const sizes = blocks.map((each, at) => {
      assert.deepEqual(decode(decoder, hex(each)), answers[at]);
      return decoder.tableBytes;
    });
    assert.deepEqual(sizes, [222, 222, 215]);
  });
}

const place = 'location: https://www.example.com';
const answers = [
  [':status: 302', 'cache-control: private', 'date: Mon, 21 Oct 2013 20:13:21 GMT', place],
  [':status: 307', 'cache-control: private', 'date: Mon, 21 Oct 2013 20:13:21 GMT', place],
  [
    ':status: 200',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:22 GMT',
    place,
    'content-encoding: gzip',
    'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
  ],
];

test('a block that cannot be decoded is a compression error, at whatever it is broken', () => {
  assert.match(fault(hex('80')), /index/);
  assert.match(fault(hex('be')), /index/);
  assert.match(fault(hex('ff')), /index/);
  assert.match(fault(hex('ffffffffff07')), /index/);
  assert.match(fault(hex('7f80808080808000')), /literal/);
  assert.match(fault(hex('40')), /literal/);
  assert.match(fault(hex('4001')), /literal/);
  assert.match(fault(hex('400161')), /literal/);
  assert.match(fault(hex('40016105')), /literal/);
  assert.match(fault(hex('7e0161')), /literal/);
  assert.match(fault(hex('3fe21f')), /size update/, 'over 4096');
  assert.match(fault(hex('823fe11f')), /size update/, 'after a field');
  assert.match(fault(hex('202020')), /size update/, 'three of them');
});

test('Huffman code is refused with EOS in it, or padded by more than seven bits or by others than ones', () => {
  const huffman = (octets: string) => {
    const bytes = hex(octets);
    return Buffer.concat([hex('04'), Buffer.from([0x80 | bytes.length]), bytes]);
  };
  assert.deepEqual(decode(new HpackDecoder(), huffman('1f')), [':path: a']);
  assert.match(fault(huffman('1fff')), /literal/, 'eleven bits of padding');
  assert.match(fault(huffman('18')), /literal/, 'padded with zeros');
  assert.match(fault(huffman('ffffffff')), /literal/, 'EOS');
  assert.match(fault(huffman('ff')), /literal/, 'eight bits of padding alone');
});

test('a list over 64 KiB is decoded to its end, but not kept', () => {
  const decoder = new HpackDecoder();
  const big = `x${'y'.repeat(3000)}`;
  // One entry of 3 KB, then an octet for each repetition.
  decode(decoder, Buffer.concat([hex('40'), block([['a', big]]).subarray(1)]));
  const bomb = Buffer.concat([Buffer.alloc(30, 0xbe), hex('4001620163')]);
  assert.deepEqual(decode(decoder, bomb), []);
  assert.equal(decoder.tooLarge?.reason, 'head over 65536 bytes (RFC 6585 section 5)');
  assert.deepEqual(decode(decoder, hex('be')), ['b: c'], 'what came after the limit is in the table');
  assert.equal(decoder.tooLarge, null);
});

test('a list of more than 256 fields is too large, however small they are', () => {
  const decoder = new HpackDecoder();
  assert.equal(decode(decoder, Buffer.alloc(256, 0x82)).length, 256);
  assert.deepEqual(decode(decoder, Buffer.alloc(257, 0x82)), []);
  assert.equal(decoder.tooLarge?.reason, 'over 256 header fields (RFC 6585 section 5)');
});

test('the table never holds more than its limit, whatever is put in', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5000), fc.nat(31)), { maxLength: 60 }), (steps) => {
      const decoder = new HpackDecoder();
      for (const [size, name] of steps) {
        decode(decoder, Buffer.concat([hex('40'), block([[`n${name}`, 'v'.repeat(size)]]).subarray(1)]));
        assert.ok(decoder.tableBytes <= 4096);
      }
    }),
    { numRuns: 50 },
  );
});

test('any bytes are decoded or refused, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (blocks) => {
      const decoder = new HpackDecoder();
      for (const each of blocks) {
        if (decoder.decode(Buffer.from(each), 0, each.length) instanceof ConnectionFault) break;
      }
    }),
    { numRuns: 3000 },
  );
});
