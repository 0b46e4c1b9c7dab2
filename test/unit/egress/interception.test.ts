import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compileInterception } from '../../../src/egress/interception.ts';
import { hostMatches } from '../../../src/net/hostname.ts';

function compiled(
  network: { intercept?: 'all' | 'bound'; tunnelOut?: string[] },
  ...hosts: string[][]
): (host: string) => string | null {
  const bindings = hosts.map((each) => ({ rules: [{ hosts: each, slots: [] }] }));
  const rules = compileInterception({ network: { allowOut: [], denyOut: [], ...network }, bindings });
  return (host) => rules.tunnelledBy(host);
}

test('everything is opened where nothing else is said', () => {
  for (const network of [{}, { intercept: 'all' as const }, { tunnelOut: [] }]) {
    const tunnelledBy = compiled(network);
    assert.equal(tunnelledBy('example.com'), null);
    assert.equal(tunnelledBy('203.0.113.9'), null);
  }
});

test('a host of tunnel_out goes through, at any depth below a wildcard, not its apex', () => {
  const tunnelledBy = compiled({ tunnelOut: ['pinned.example.com', '*.Example.org'] });
  assert.equal(tunnelledBy('pinned.example.com'), 'tunnel_out: pinned.example.com');
  assert.equal(tunnelledBy('a.b.example.org'), 'tunnel_out: *.example.org');
  assert.equal(tunnelledBy('example.org'), null);
  assert.equal(tunnelledBy('a.pinned.example.com'), null);
  assert.equal(tunnelledBy('notexample.org'), null);
});

test('with intercept: bound only the hosts of bindings are opened, and every other goes through', () => {
  const tunnelledBy = compiled({ intercept: 'bound' }, ['api.example.com'], ['*.example.org', 'example.net']);
  for (const host of ['api.example.com', 'one.example.org', 'example.net']) assert.equal(tunnelledBy(host), null, host);
  for (const host of ['example.com', 'two.one.example.org', 'example.org', 'localhost', '203.0.113.9', '2001:db8::1']) {
    assert.equal(tunnelledBy(host), 'intercept: bound', host);
  }
});

test('a host that a binding names is opened though tunnel_out covers it', () => {
  const tunnelledBy = compiled({ intercept: 'bound', tunnelOut: ['*.example.com'] }, ['api.example.com']);
  assert.equal(tunnelledBy('api.example.com'), null);
  assert.equal(tunnelledBy('www.example.com'), 'tunnel_out: *.example.com');
});

test('no host that a binding matches ever goes through, whatever the rules', () => {
  const label = fc.constantFrom('a', 'b', 'api', 'com');
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
  const pattern = fc.tuple(fc.boolean(), name).map(([wild, text]) => (wild ? `*.${text}` : text));
  fc.assert(
    fc.property(
      fc.array(pattern, { maxLength: 4 }),
      fc.array(pattern, { maxLength: 4 }),
      fc.record({ host: name, intercept: fc.constantFrom('all' as const, 'bound' as const) }),
      (bound, tunnelOut, { host, intercept }) => {
        const rule = compiled({ intercept, tunnelOut }, bound)(host);
        if (bound.some((each) => hostMatches(each, host))) assert.equal(rule, null);
        else if (intercept === 'bound') assert.notEqual(rule, null);
      },
    ),
  );
});
