import assert from 'node:assert/strict';
import { domainToASCII } from 'node:url';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { hostMatches, hostMatchesBelow, parseAuthority, parseHostname } from '../../../src/net/hostname.ts';

test('a host name is lower-cased and otherwise kept', () => {
  assert.equal(parseHostname('API.Example.COM'), 'api.example.com');
  assert.equal(parseHostname('xn--bcher-kva.example'), 'xn--bcher-kva.example');
  assert.equal(parseHostname('r3---sn-4g5e6nez.googlevideo.com'), 'r3---sn-4g5e6nez.googlevideo.com');
  assert.equal(parseHostname('localhost'), 'localhost');
  assert.equal(parseHostname('3com.com'), '3com.com');
});

test('labels have 1 to 63 characters, the name 253', () => {
  const label = 'a'.repeat(63);
  assert.equal(parseHostname(`${label}.com`), `${label}.com`);
  assert.equal(parseHostname(`${label}a.com`), null);
  const longest = `${label}.${label}.${label}.${'a'.repeat(61)}`;
  assert.equal(longest.length, 253);
  assert.equal(parseHostname(longest), longest);
  assert.equal(parseHostname(`${longest}a`), null);
});

test('whatever the parser takes, the URL standard reads as the same host', () => {
  const piece = fc.stringMatching(/^[A-Za-z0-9.:%_@[\]x-]{0,12}$/);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.domain(),
        fc.tuple(piece, piece).map((parts) => parts.join('.')),
        fc.string(),
      ),
      (text) => {
        const name = parseHostname(text);
        if (name === null || name.includes('xn--')) return;
        assert.equal(name, text.toLowerCase());
        assert.equal(domainToASCII(name), name);
      },
    ),
    { numRuns: 2000 },
  );
});

test('every ordinary domain is taken', () => {
  fc.assert(fc.property(fc.domain(), (domain) => parseHostname(domain) === domain.toLowerCase()));
});

test('a credential wildcard stands for exactly one more label', () => {
  assert.ok(hostMatches('api.example.com', 'api.example.com'));
  assert.ok(hostMatches('*.example.com', 'a.example.com'));
  assert.ok(!hostMatches('*.example.com', 'example.com'));
  assert.ok(!hostMatches('*.example.com', '.example.com'));
  assert.ok(!hostMatches('*.example.com', 'a.b.example.com'));
  assert.ok(!hostMatches('*.example.com', 'a.notexample.com'));
  assert.ok(!hostMatches('*.example.com', 'aexample.com'));
  assert.ok(!hostMatches('example.com', 'a.example.com'));
});

test('a network wildcard stands for any depth below, not the apex', () => {
  assert.ok(hostMatchesBelow('*.example.com', 'a.example.com'));
  assert.ok(hostMatchesBelow('*.example.com', 'a.b.example.com'));
  assert.ok(!hostMatchesBelow('*.example.com', 'example.com'));
  assert.ok(!hostMatchesBelow('*.example.com', 'badexample.com'));
  assert.ok(!hostMatchesBelow('*.example.com', '.example.com'));
  assert.ok(hostMatchesBelow('example.com', 'example.com'));
  assert.ok(!hostMatchesBelow('example.com', 'a.example.com'));
});

test('an authority is a host and a port, with the default where it names none', () => {
  assert.deepEqual(parseAuthority('Example.com', 443), { host: 'example.com', port: 443, isAddress: false });
  assert.deepEqual(parseAuthority('example.com:8443', 443), { host: 'example.com', port: 8443, isAddress: false });
  assert.deepEqual(parseAuthority('192.0.2.1:80', 443), { host: '192.0.2.1', port: 80, isAddress: true });
  assert.deepEqual(parseAuthority('[2001:DB8::0:1]:80', 443), { host: '2001:db8::1', port: 80, isAddress: true });
  assert.deepEqual(parseAuthority('[::1]', 443), { host: '::1', port: 443, isAddress: true });
});

test('an authority that is written oddly is refused', () => {
  const odd = [
    '',
    ':',
    ':80',
    'a:',
    'a:0',
    'a:00',
    'a:080',
    'a:65536',
    'a:+80',
    'a: 80',
    'a:80 ',
    'a:8x',
    'a:80:80',
    'user@a',
    'user:pw@a:80',
    'a/',
    'a?b',
    'a#b',
    '[',
    ']',
    '[]',
    '[::1',
    '::1',
    '::1:80',
    '[::1]80',
    '[::1]:',

    '[fe80::1%eth0]:80',
    '[fe80::1%25eth0]',
    '[1.2.3.4]',
    '[a.example]',
    '[[::1]]',
    'a]:80',
    '1.2.3:80',
    '0x7f.1:80',
  ];
  for (const text of odd) assert.equal(parseAuthority(text, 443), null, text);
});
