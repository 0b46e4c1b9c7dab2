import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileNetwork } from '../../../src/egress/policy.ts';

function rules(allowOut: string[], denyOut: string[] = []) {
  return compileNetwork({ allowOut, denyOut });
}

const allow = { verdict: 'allow', rule: null };
const deny = { verdict: 'deny', rule: null };

test('with nothing set, everything is left to the address guard', () => {
  const open = rules([]);
  assert.deepEqual(open.judgeHost('api.example.com'), allow);
  assert.deepEqual(open.judgeHost('192.0.2.1'), allow);
  assert.deepEqual(open.judgeAddress('2001:db8::1'), allow);
});

test('a list of domains allows those, before any look-up, and nothing else', () => {
  const listed = rules(['API.example.com', '*.example.org']);
  assert.deepEqual(listed.judgeHost('api.example.com'), { verdict: 'allow', rule: 'allow_out: api.example.com' });
  assert.deepEqual(listed.judgeHost('a.b.example.org'), { verdict: 'allow', rule: 'allow_out: *.example.org' });
  for (const host of ['example.org', 'example.com', 'a.api.example.com', 'evil.com', '192.0.2.1', '2001:db8::1']) {
    assert.deepEqual(listed.judgeHost(host), deny, host);
  }
  assert.deepEqual(listed.judgeAddress('192.0.2.1'), deny);
});

test('a CIDR allows addresses that are dialled as such, and lets no other name be looked up', () => {
  const listed = rules(['203.0.113.0/24', 'example.com', '2001:db8::/32', '192.0.2.7']);
  assert.deepEqual(listed.judgeHost('203.0.113.9'), { verdict: 'allow', rule: 'allow_out: 203.0.113.0/24' });
  assert.deepEqual(listed.judgeHost('2001:db8::9'), { verdict: 'allow', rule: 'allow_out: 2001:db8::/32' });
  assert.deepEqual(listed.judgeHost('192.0.2.7'), { verdict: 'allow', rule: 'allow_out: 192.0.2.7' });
  assert.deepEqual(listed.judgeHost('192.0.2.8'), deny);
  assert.deepEqual(listed.judgeHost('data-carried-out.evil.com'), deny);
});

test('deny_out alone takes addresses away from everything else, after the look-up', () => {
  const taken = rules([], ['203.0.113.0/24', '2001:db8::/32']);
  assert.deepEqual(taken.judgeHost('api.example.com'), { verdict: 'ask-address', rule: null });
  assert.deepEqual(taken.judgeAddress('203.0.113.1'), { verdict: 'deny', rule: 'deny_out: 203.0.113.0/24' });
  assert.deepEqual(taken.judgeAddress('2001:db8::1'), { verdict: 'deny', rule: 'deny_out: 2001:db8::/32' });
  assert.deepEqual(taken.judgeAddress('192.0.2.1'), allow);
  assert.deepEqual(taken.judgeHost('203.0.113.1'), { verdict: 'deny', rule: 'deny_out: 203.0.113.0/24' });
});

test('an IPv4 rule holds for the IPv6 spellings of its addresses', () => {
  const taken = rules([], ['203.0.113.0/24']);
  for (const address of ['::ffff:203.0.113.1', '64:ff9b::203.0.113.1']) {
    assert.equal(taken.judgeAddress(address).verdict, 'deny', address);
  }
});

test('allow wins over deny', () => {
  const both = rules(['api.example.com', '203.0.113.7/32'], ['0.0.0.0/0', '203.0.113.0/24']);
  assert.equal(both.judgeHost('api.example.com').verdict, 'allow');
  assert.equal(both.judgeHost('203.0.113.7').verdict, 'allow');
  assert.equal(both.judgeHost('203.0.113.8').verdict, 'deny');
});

test('deny_out 0.0.0.0/0 means everything: no name is looked up, and IPv6 is no way round', () => {
  const closed = rules([], ['0.0.0.0/0']);
  const expected = { verdict: 'deny', rule: 'deny_out: 0.0.0.0/0' };
  assert.deepEqual(closed.judgeHost('api.example.com'), expected);
  assert.deepEqual(closed.judgeHost('2001:db8::1'), expected);
  assert.deepEqual(closed.judgeAddress('2001:db8::1'), expected);
});

test('text that is no address is denied after the look-up', () => {
  assert.deepEqual(rules([], ['203.0.113.0/24']).judgeAddress('127.1'), deny);
});

test('a deny rule that is no CIDR stops the compilation: it is never skipped', () => {
  assert.throws(() => rules([], ['example.com']), TypeError);
});
