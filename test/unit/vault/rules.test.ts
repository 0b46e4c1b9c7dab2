import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveAuth } from '../../../src/vault/rules.ts';
import type { AuthInput, AuthRule } from '../../../src/vault/types.ts';
import { refusal } from './harness.ts';

const hosts = ['api.example.com'];

const kept: [what: string, rule: AuthRule][] = [
  ['bearer', { type: 'bearer' }],
  ['basic without a user name', { type: 'basic' }],
  ['basic with a user name', { type: 'basic', username: 'x-access-token' }],
  ['basic with an empty user name', { type: 'basic', username: '' }],
  ['basic with a user name beyond ASCII', { type: 'basic', username: 'jürgen' }],
  ['api-key without a prefix', { type: 'api-key', header: 'X-API-Key' }],
  ['api-key with a prefix, its trailing space too', { type: 'api-key', header: 'Authorization', prefix: 'Key ' }],
  ['custom with one header', { type: 'custom', headers: { 'X-Token': '{{ value }}' } }],
  [
    'custom with several headers and spacings',
    { type: 'custom', headers: { 'X-A': 'a={{value}};b', 'X-B': '{{   value }}', x_c: 'k {{ value}}' } },
  ],
];

const customWith = (template: string): AuthRule => ({ type: 'custom', headers: { 'X-Token': template } });
const header = (name: string): AuthRule => ({ type: 'api-key', header: name });
const prefix = (text: string): AuthRule => ({ type: 'api-key', header: 'X-Key', prefix: text });
const username = (text: string): AuthRule => ({ type: 'basic', username: text });

const refusedRules: [what: string, rule: AuthRule, field: string, words: RegExp][] = [
  ['a colon in the user name', username('a:b'), 'auth.username', /colon/],
  ['a line break in the user name', username('a\r\nb'), 'auth.username', /control/],
  ['NUL in the user name', username('a\0b'), 'auth.username', /control/],
  ['half a surrogate pair in the user name', username('a\ud800'), 'auth.username', /Unicode/],
  ['a user name of 257 characters', username('a'.repeat(257)), 'auth.username', /256/],
  ['an empty header name', header(''), 'auth.header', /header name/],
  ['a space in the header name', header('X Key'), 'auth.header', /header name/],
  ['a colon in the header name', header('X-Key:'), 'auth.header', /header name/],
  ['a line break in the header name', header('X-Key\r\nHost'), 'auth.header', /header name/],
  ['a pseudo-header', header(':authority'), 'auth.header', /header name/],
  ['a header name beyond ASCII', header('X-Kéy'), 'auth.header', /header name/],
  ['a header name of 129 characters', header('a'.repeat(129)), 'auth.header', /header name/],
  ['a line feed in the prefix', prefix('a\nb'), 'auth.prefix', /control/],
  ['a carriage return in the prefix', prefix('a\rb'), 'auth.prefix', /control/],
  ['NUL in the prefix', prefix('\0'), 'auth.prefix', /control/],
  ['a tab in the prefix', prefix('a\t'), 'auth.prefix', /control/],
  ['a prefix beyond ASCII', prefix('é'), 'auth.prefix', /ASCII/],
  ['a prefix that starts with a space', prefix(' a'), 'auth.prefix', /space/],
  ['a prefix of 257 characters', prefix('a'.repeat(257)), 'auth.prefix', /256/],
  ['no custom header', { type: 'custom', headers: {} }, 'auth.headers', /1 to 8/],
  [
    'nine custom headers',
    { type: 'custom', headers: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`X-${i}`, '{{ value }}'])) },
    'auth.headers',
    /1 to 8/,
  ],
  ['a template without the value', customWith('Token'), 'auth.headers.X-Token', /\{\{ value \}\} exactly once/],
  ['a template with the value twice', customWith('{{ value }}{{value}}'), 'auth.headers.X-Token', /exactly once/],
  ['a template with another placeholder', customWith('{{ user }}{{ value }}'), 'auth.headers.X-Token', /placeholder/],
  ['a template with an open placeholder', customWith('{{ value }}}}'), 'auth.headers.X-Token', /placeholder/],
  ['a misspelt placeholder', customWith('{{ valu }}'), 'auth.headers.X-Token', /exactly once/],
  ['a line break in a template', customWith('{{ value }}\r\nX-Evil: 1'), 'auth.headers.X-Token', /control/],
  ['a line break inside the placeholder', customWith('{{\nvalue }}'), 'auth.headers.X-Token', /control/],
  ['NUL in a template', customWith('\0{{ value }}'), 'auth.headers.X-Token', /control/],
  ['a template that ends with a space', customWith('{{ value }} '), 'auth.headers.X-Token', /space/],
  ['a template that starts with a space', customWith(' {{ value }}'), 'auth.headers.X-Token', /space/],
  ['a template of 1025 characters', customWith(`{{ value }}${'a'.repeat(1014)}`), 'auth.headers.X-Token', /1024/],
  ['a custom header that frames', { type: 'custom', headers: { Host: '{{ value }}' } }, 'auth.headers.Host', /frames/],
  [
    'one header under two spellings',
    { type: 'custom', headers: { 'X-Token': '{{ value }}', 'x-token': '{{ value }}' } },
    'auth.headers.x-token',
    /twice/,
  ],
];

const forbidden = [
  'Host',
  'content-length',
  'Transfer-Encoding',
  'CONNECTION',
  'Upgrade',
  'Proxy-Authorization',
  'proxy-anything',
  'Te',
  'Trailer',
  'Cookie2',
  'Keep-Alive',
  'HTTP2-Settings',
  'Expect',
  'Max-Forwards',
];

describe('a single rule', () => {
  for (const [what, rule] of kept) {
    it(`${what} is kept as it was given`, () => {
      assert.deepEqual(resolveAuth(rule, hosts), { authType: rule.type, authConfig: rule, hosts });
    });
  }

  for (const [what, rule, field, words] of refusedRules) {
    it(`${what} is refused`, () => {
      assert.throws(() => resolveAuth(rule, hosts), refusal('bad_request', field, words));
    });
  }

  for (const name of forbidden) {
    it(`the header ${name} is refused`, () => {
      assert.throws(
        () => resolveAuth(header(name), hosts),
        refusal('bad_request', 'auth.header', /frames the message/),
      );
    });
  }

  it('fields that belong to another rule are not stored', () => {
    const rule = { type: 'bearer', username: 'x', header: 'Host' } as AuthRule;
    assert.deepEqual(resolveAuth(rule, hosts).authConfig, { type: 'bearer' });
  });

  it('hosts are normalised and their faults named', () => {
    assert.deepEqual(resolveAuth({ type: 'bearer' }, ['API.example.com']).hosts, hosts);
    assert.throws(() => resolveAuth({ type: 'bearer' }, ['*.com']), refusal('bad_request', 'hosts.0'));
  });
});

describe('per_host', () => {
  const two: AuthInput = {
    per_host: [
      { hosts: ['API.example.com'], type: 'bearer' },
      { hosts: ['git.example.com', '*.cdn.example.com'], type: 'basic', username: 'x-access-token' },
    ],
  };
  const all = ['api.example.com', 'git.example.com', '*.cdn.example.com'];

  it('each rule keeps its hosts', () => {
    assert.deepEqual(resolveAuth(two, all), {
      authType: 'per_host',
      authConfig: {
        per_host: [
          { hosts: ['api.example.com'], type: 'bearer' },
          { hosts: ['git.example.com', '*.cdn.example.com'], type: 'basic', username: 'x-access-token' },
        ],
      },
      hosts: all,
    });
  });

  it('a host that the top level does not list is refused, with the near one named', () => {
    const missing: AuthInput = { per_host: [{ hosts: ['apy.example.com'], type: 'bearer' }] };
    assert.throws(
      () => resolveAuth(missing, all),
      refusal('bad_request', 'auth.per_host.0.hosts', /apy\.example\.com must stand.*Did you mean api\.example\.com/),
    );
  });

  it('a wildcard at the top level does not stand for the hosts under it', () => {
    const under: AuthInput = { per_host: [{ hosts: ['a.example.com'], type: 'bearer' }] };
    assert.throws(
      () => resolveAuth(under, ['*.example.com']),
      refusal('bad_request', 'auth.per_host.0.hosts', /top-level/),
    );
  });

  it('rules that overlap are refused, both ways round', () => {
    const top = ['a.example.com', '*.example.com'];
    for (const [first, second] of [top, top.toReversed()]) {
      const overlapping: AuthInput = {
        per_host: [
          { hosts: [first ?? ''], type: 'bearer' },
          { hosts: [second ?? ''], type: 'basic' },
        ],
      };
      assert.throws(
        () => resolveAuth(overlapping, top),
        refusal('bad_request', 'auth.per_host.1.hosts', /overlaps .* of auth\.per_host\.0/),
      );
    }
  });

  it('the apex and its wildcard do not overlap', () => {
    const top = ['example.com', '*.example.com'];
    const apart: AuthInput = { per_host: top.map((host) => ({ hosts: [host], type: 'bearer' })) };
    assert.equal(resolveAuth(apart, top).authType, 'per_host');
  });

  it('one to sixteen rules are taken', () => {
    assert.throws(() => resolveAuth({ per_host: [] }, hosts), refusal('bad_request', 'auth.per_host', /1 to 16/));
    const many = Array.from({ length: 17 }, () => ({ hosts, type: 'bearer' as const }));
    assert.throws(() => resolveAuth({ per_host: many }, hosts), refusal('bad_request', 'auth.per_host', /1 to 16/));
  });

  it('a fault inside a rule is named by its place', () => {
    const bad: AuthInput = { per_host: [{ hosts, type: 'basic', username: 'a:b' }] };
    assert.throws(() => resolveAuth(bad, hosts), refusal('bad_request', 'auth.per_host.0.username'));
    const empty: AuthInput = { per_host: [{ hosts: [], type: 'bearer' }] };
    assert.throws(() => resolveAuth(empty, hosts), refusal('bad_request', 'auth.per_host.0.hosts', /1 to 16/));
  });

  it('a single rule beside per_host is refused', () => {
    const both = { type: 'bearer', per_host: [{ hosts, type: 'bearer' }] } as AuthInput;
    assert.throws(() => resolveAuth(both, hosts), refusal('bad_request', 'auth', /never both/));
  });
});
