import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  cidrContains,
  embeddedAddress,
  formatAddress,
  makeAddressGuard,
  parseAddress,
  parseCidr,
} from '../../../src/net/address.ts';

const anyAddress = fc.oneof(fc.ipV4(), fc.ipV6());

function mustParse(text: string) {
  const address = parseAddress(text);
  assert.ok(address !== null, text);
  return address;
}

test('an address survives being parsed and written', () => {
  fc.assert(
    fc.property(anyAddress, (text) => {
      const address = mustParse(text);
      assert.equal(address.words.length, address.family === 4 ? 2 : 8);
      assert.deepEqual(parseAddress(formatAddress(address)), address);
    }),
  );
});

test('addresses are written as RFC 5952 has it', () => {
  const written = {
    '::': '::',
    '0:0:0:0:0:0:0:1': '::1',
    '2001:DB8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '1::': '1::',
    '1:0:0:2:0:0:0:3': '1:0:0:2::3',
    '::ffff:192.0.2.128': '::ffff:c000:280',
    '192.0.2.1': '192.0.2.1',
  };
  for (const [text, canonical] of Object.entries(written)) assert.equal(formatAddress(mustParse(text)), canonical);
});

test('text that is no address in canonical notation is refused', () => {
  const odd = [
    '',
    '127.1',
    '0x7f.1',
    '2130706433',
    '0177.0.0.1',
    '01.2.3.4',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3.4 ',

    '[::1]',
    ':::',
    '1::2::3',
    'fe80::1%eth0',
    '::1%1',
    '12345::',
    '::1.2.3',
    '1:2:3:4:5:6:7',
    'localhost',
    '1.2.3.4/32',
  ];
  for (const text of odd) assert.equal(parseAddress(text), null, text);
  fc.assert(
    fc.property(fc.string(), (text) => (parseAddress(text) === null) === (isIP(text) === 0 || text.includes('%'))),
  );
});

test('a CIDR holds what the platform says it holds', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.tuple(fc.ipV4(), fc.nat(32), fc.ipV4()), fc.tuple(fc.ipV6(), fc.nat(128), fc.ipV6())),
      ([base, bits, other]) => {
        const family = isIP(base) === 4 ? 'ipv4' : 'ipv6';
        const cidr = parseCidr(`${base}/${bits}`);
        assert.ok(cidr !== null);
        const list = new BlockList();
        list.addSubnet(base, bits, family);
        for (const address of [base, other])
          assert.equal(cidrContains(cidr, mustParse(address)), list.check(address, family));
      },
    ),
    { numRuns: 500 },
  );
});

test('the last address inside and the first outside a CIDR are told apart', () => {
  const cidr = parseCidr('100.64.0.0/10');
  assert.ok(cidr !== null);
  assert.ok(cidrContains(cidr, mustParse('100.127.255.255')));
  assert.ok(!cidrContains(cidr, mustParse('100.128.0.0')));
  assert.ok(!cidrContains(cidr, mustParse('100.63.255.255')));
});

test('a CIDR of one family holds no address of the other', () => {
  const everything = parseCidr('0.0.0.0/0');
  assert.ok(everything !== null);
  assert.ok(!cidrContains(everything, mustParse('::1')));
});

test('an address alone is a CIDR for itself', () => {
  assert.equal(parseCidr('192.0.2.1')?.bits, 32);
  assert.equal(parseCidr('2001:db8::1')?.bits, 128);
});

test('malformed CIDRs are refused', () => {
  for (const text of [
    '',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/08',
    '10.0.0.0/+8',
    '10.0.0.0/8/8',
    '10/8',
    'a/8',
    '10.0.0.0/-1',
    '10.0.0.0/1e1',
  ]) {
    assert.equal(parseCidr(text), null, text);
  }
});

test('IPv4 is found in mapped and NAT64 addresses, and nowhere else', () => {
  assert.equal(formatAddress(embeddedAddress(mustParse('::ffff:192.0.2.1'))), '192.0.2.1');
  assert.equal(formatAddress(embeddedAddress(mustParse('64:ff9b::192.0.2.1'))), '192.0.2.1');
  for (const text of ['192.0.2.1', '::192.0.2.1', '2002:c000:201::', '64:ff9b:1::c000:201', '2001:db8::c000:201']) {
    assert.deepEqual(embeddedAddress(mustParse(text)), mustParse(text));
  }
});

test("a malformed CIDR in the operator's list is an error, not a hole", () => {
  assert.throws(() => makeAddressGuard(['10.0.0.0/8', 'everything']), TypeError);
});
