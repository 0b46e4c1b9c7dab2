import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatAddress, makeAddressGuard, parseAddress, parseCidr, specialBlocks } from '../../src/net/address.ts';
import type { Cidr } from '../../src/net/address.ts';

const guard = makeAddressGuard([]);

const refused: Record<string, string[]> = {
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  unspecified: ['0.0.0.0', '0.1.2.3', '::'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.0.1'],
  'link-local': ['169.254.0.1', 'fe80::1', 'febf::1'],
  'carrier-grade NAT': ['100.64.0.1', '100.127.255.255'],
  benchmark: ['198.18.0.1', '198.19.255.255', '2001:2::1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1'],
  'reserved and broadcast': ['240.0.0.1', '255.255.255.255'],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
  metadata: [
    '169.254.169.254',
    '169.254.170.2',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    'fd00:ec2::254',
    'fd20:ce::254',
  ],
  'unique local and site-local': ['fc00::1', 'fdff::1', 'fec0::1'],
  'IPv4-mapped': ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:169.254.169.254', '::ffff:10.0.0.1', '::ffff:0.0.0.0'],
  'IPv4-compatible': ['::127.0.0.1', '::8.8.8.8'],
  NAT64: ['64:ff9b::127.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b::10.0.0.1', '64:ff9b:1::8.8.8.8', '64:ff9b:1:ffff::1'],
  '6to4 and Teredo': ['2002:7f00:1::', '2002:808:808::1', '2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  'discard, dummy, segment routing, unassigned': ['100::1', '100:0:0:1::1', '5f00::1', '4000::1', '1::1', '8000::1'],
  'no address at all': [
    '',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f.1',
    '[::1]',
    'fe80::1%lo',
    '8.8.8.8:80',
    '::ffff:8.8.8.8%1',
  ],
};

for (const [what, addresses] of Object.entries(refused)) {
  test(`${what} is not dialled`, () => {
    for (const address of addresses) assert.equal(guard(address), false, address);
  });
}

test('public addresses are dialled, also as IPv4-mapped IPv6 and through NAT64', () => {
  const open = [
    '1.1.1.1',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',

    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',

    '198.20.0.0',
    '223.255.255.255',
    '2606:4700::1',
    '2001:4860:4860::8888',
    '2a00::1',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
  ];
  for (const address of open) assert.equal(guard(address), true, address);
});

test('every special block is refused at its first, its last and any address between', () => {
  for (const { cidr, what } of specialBlocks) {
    fc.assert(
      fc.property(fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat(0xffff)), fc.nat(0xffff), (low, other) => {
        assert.equal(guard(within(cidr, [other, low])), false, what);
      }),
      { numRuns: 20 },
    );
    assert.equal(guard(within(cidr, [0])), false, what);
    assert.equal(guard(within(cidr, [0xffff])), false, what);
  }
});

test('no special IPv4 address is reached by writing it inside IPv6', () => {
  for (const { cidr } of specialBlocks) {
    if (cidr.address.family !== 4) continue;
    const v4 = within(cidr, [0x1234]);
    for (const prefix of ['::ffff:', '64:ff9b::', '::']) assert.equal(guard(prefix + v4), false, prefix + v4);
  }
});

test('what the operator lists is dialled, in both spellings, and nothing beside it', () => {
  const opened = makeAddressGuard(['127.0.0.0/8', 'fd00::/8']);
  for (const address of ['127.0.0.1', '::ffff:127.0.0.1', 'fd00:ec2::254', '8.8.8.8'])
    assert.equal(opened(address), true, address);
  for (const address of ['10.0.0.1', '128.0.0.1.', '::1', 'fc00::1', '::ffff:10.0.0.1'])
    assert.equal(opened(address), false, address);
});

/** An address in `cidr`, its bits after the prefix taken from `fill` over and over. */
function within(cidr: Cidr, fill: number[]): string {
  const words = cidr.address.words.map((word, index) => {
    const left = Math.min(16, Math.max(0, cidr.bits - index * 16));
    const mask = (0xffff << (16 - left)) & 0xffff;
    return (word & mask) | ((fill[index % fill.length] ?? 0) & ~mask & 0xffff);
  });
  const text = formatAddress({ family: cidr.address.family, words });
  assert.ok(parseAddress(text) !== null && parseCidr(text) !== null);
  return text;
}
