import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveDestination, resolveRequest } from '../../src/egress/target.ts';
import { ClientHelloReader } from '../../src/egress/wire/client-hello.ts';
import { parseAuthority, parseHostname } from '../../src/net/hostname.ts';
import { head } from '../unit/egress/support.ts';

const odd: Record<string, string[]> = {
  'a dot at the end': ['api.example.com.', 'localhost.', '.'],
  'an empty label': ['', 'a..b', '.a.b'],
  NUL: ['api.example.com\0', 'api.example.com\0.evil.com', '\0'],
  'blanks and line ends': ['api.example.com ', ' api.example.com', 'a b', 'api.example.com\n', 'a\r\nb', 'a\tb'],
  'percent escapes': ['api.example.com%00', 'api%2eexample.com', '%61pi.example.com'],
  'user info, port, path, query, fragment': [
    'u@a.com',
    'u:p@a.com',
    'a.com:443',
    'a.com/',
    'a.com?b',
    'a.com#b',
    'a.com\\b',
  ],
  'letters that only look or fold like ASCII': [
    'аpi.example.com',
    'api.ex\u00e4mple.com',
    'api。example.com',
    'ｅxample.com',
    '\u212Aey.com',
    'api.example.com\u200b',
    'ſtandin.com',
  ],
  'IPv4 in any notation': [
    '127.0.0.1',
    '127.1',
    '127',
    '0',
    '2130706433',
    '0x7f.1',
    '0x7f000001',
    '0X7F.1',
    '0177.0.0.1',
    '1.2.3.4.5',
    'a.1',
    'a.0x',
    'a.0x7f',
    '0x',
    '1.2.3.08',
    '127.0.0.1.',
  ],
  'IPv6, with brackets and zone': ['::1', '[::1]', 'fe80::1%eth0', '[fe80::1%25eth0]', '::ffff:127.0.0.1'],
  'hyphens at the edge of a label': ['-a.com', 'a-.com', 'a.-b', 'a.b-'],
  'underscores and other signs': ['a_b.com', '_a.com', 'a!b.com', 'a*b.com', '*.example.com', "a'b.com", 'a~b'],
  'labels over 63 and names over 253 characters': ['a'.repeat(64), `${'a'.repeat(256)}.com`, `${'a.'.repeat(127)}a`],
};

for (const [what, names] of Object.entries(odd)) {
  test(`${what}: no host name, in no place that names one`, () => {
    for (const name of names) {
      const shown = JSON.stringify(name);
      assert.equal(parseHostname(name), null, shown);
      const authority = parseAuthority('api.example.com:443', 443);
      assert.ok(authority !== null);
      const arrival = { kind: 'connect', authority, tls: true, sni: name } as const;
      assert.ok('refused' in resolveDestination(arrival), `SNI ${shown}`);
      const lookedUp = { kind: 'namespace', address: '198.18.0.1', port: 443, name, tls: true, sni: null } as const;
      assert.ok('refused' in resolveDestination(lookedUp), `synthetic name ${shown}`);
    }
  });
}

test('a ClientHello with two server names is refused, whichever is the one that is allowed', () => {
  const extension = (name: string) => {
    const bytes = Buffer.from(`123456789${name}`);
    bytes.writeUInt16BE(0, 0);
    bytes.writeUInt16BE(name.length + 5, 2);
    bytes.writeUInt16BE(name.length + 3, 4);
    bytes.writeUInt8(0, 6);
    bytes.writeUInt16BE(name.length, 7);
    return bytes;
  };
  const hello = (...names: string[]) => {
    const extensions = Buffer.concat(names.map(extension));
    const body = Buffer.concat([Buffer.alloc(34), Buffer.from([0, 0, 2, 0x13, 1, 1, 0, 0, 0]), extensions]);
    body.writeUInt16BE(extensions.length, 34 + 7);
    const bytes = Buffer.concat([Buffer.from([0x16, 3, 1, 0, body.length + 4, 1, 0, 0, body.length]), body]);
    return new ClientHelloReader().read(bytes);
  };
  assert.deepEqual(hello('api.example.com'), { kind: 'hello', serverName: 'api.example.com' });
  for (const second of ['evil.example.com', 'api.example.com'])
    assert.deepEqual(hello('api.example.com', second), { kind: 'refused', reason: 'two server names' });
});

test('a Host line with an odd name is refused, whatever the connection is for', () => {
  const destination = { host: 'api.example.com', port: 443, scheme: 'https', isAddress: false } as const;
  for (const host of [
    'api.example.com.',
    'API.EXAMPLE.COM.:443',
    '127.1',
    '[fe80::1%1]',
    'api.example.com:',
    'api.example.com:0443',
  ]) {
    const parsed = head(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    if ('status' in parsed) continue;
    assert.ok('refused' in resolveRequest(destination, parsed), host);
  }
});

test('upper case is the one spelling that is another way to write the same name', () => {
  assert.equal(parseHostname('API.EXAMPLE.com'), 'api.example.com');
});
