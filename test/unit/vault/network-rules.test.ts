import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Secret } from '../../../src/crypto/secret.ts';
import { hostMatches, hostMatchesBelow } from '../../../src/net/hostname.ts';
import { ruleCovers } from '../../../src/vault/network-rules.ts';
import { createSandbox, refusal, startVault } from './harness.ts';
import type { Harness } from './harness.ts';

async function withSecret(harness: Harness, name: string, hosts: string[]): Promise<void> {
  const value = new Secret(`real-value-of-${name}`);
  await harness.vault.secrets.create(harness.owner, { name, value, auth: { type: 'bearer' }, hosts });
}

test('what is opened is stored, shown and handed to the proxy as it was given, names in their normal form', async (t) => {
  const harness = await startVault(t);
  const network = { intercept: 'bound' as const, tunnel_out: ['*.Example.NET', 'pinned.example.com', '*.example.net'] };
  const { sandbox } = await createSandbox(harness, { network });
  const stored = { intercept: 'bound', tunnel_out: ['*.example.net', 'pinned.example.com'] };
  assert.deepEqual(sandbox.network, stored);
  assert.deepEqual((await harness.vault.sandboxes.get(harness.owner, sandbox.id)).sandbox.network, stored);
  const snapshot = await harness.vault.egress.snapshot(sandbox.id);
  assert.deepEqual(snapshot?.network, {
    allowOut: [],
    denyOut: [],
    intercept: 'bound',
    tunnelOut: ['*.example.net', 'pinned.example.com'],
  });
});

test('tunnel_out takes domains alone, and says what is wrong with anything else', async (t) => {
  const harness = await startVault(t);
  for (const [rule, words] of [
    ['203.0.113.0/24', /is an address; give a domain/],
    ['203.0.113.7', /is an address/],
    ['2001:db8::1', /is an address/],
    ['https://pinned.example.com', /scheme/],
    ['a.*.example.com', /wildcard/],
    ['pinned.example.com:443', /port/],
    ['', /empty/],
  ] as const) {
    const network = { tunnel_out: ['fine.example.com', rule] };
    await assert.rejects(createSandbox(harness, { network }), refusal('bad_request', 'network.tunnel_out.1', words));
  }
  const network = { tunnel_out: Array.from({ length: 257 }, (_, index) => `h${index}.example.com`) };
  await assert.rejects(createSandbox(harness, { network }), refusal('bad_request', 'network.tunnel_out', /256/));
});

test('a host of a bound secret cannot stand in tunnel_out, however the patterns meet', async (t) => {
  const harness = await startVault(t);
  await withSecret(harness, 'one', ['other.example.org', 'api.example.com']);
  await withSecret(harness, 'many', ['*.shop.example.net']);
  for (const [secret, rule, host] of [
    ['one', 'api.example.com', 'api.example.com'],
    ['one', '*.example.com', 'api.example.com'],
    ['one', '*.com', 'api.example.com'],
    ['many', 'my.shop.example.net', '*.shop.example.net'],
    ['many', '*.shop.example.net', '*.shop.example.net'],
    ['many', '*.example.net', '*.shop.example.net'],
  ] as const) {
    const network = { tunnel_out: ['fine.example.edu', rule] };
    const words = new RegExp(`${rule} covers ${host}, a host of the secret "${secret}"`.replaceAll(/[.*]/g, '\\$&'));
    await assert.rejects(
      createSandbox(harness, { network, secrets: { KEY: secret } }),
      refusal('bad_request', 'network.tunnel_out.1', words),
    );
    assert.equal(harness.driver.running.size, 0, 'nothing was started');
    const { sandbox } = await createSandbox(harness, { name: `box ${rule}`, network });
    await assert.rejects(
      harness.vault.sandboxes.attach(harness.owner, sandbox.id, { envKey: 'KEY', secretName: secret }),
      refusal('bad_request', 'secret_name', /network\.tunnel_out\.1/),
    );
    assert.deepEqual((await harness.vault.sandboxes.get(harness.owner, sandbox.id)).sandbox.secrets, []);
    await harness.vault.sandboxes.remove(harness.owner, sandbox.id);
  }
});

test('hosts beside those of a bound secret can stand in tunnel_out', async (t) => {
  const harness = await startVault(t);
  await withSecret(harness, 'one', ['api.example.com']);
  await withSecret(harness, 'many', ['*.shop.example.net']);
  const network = { tunnel_out: ['www.example.com', '*.api.example.com', '*.a.shop.example.net', 'shop.example.net'] };
  const { sandbox } = await createSandbox(harness, { network, secrets: { ONE: 'one' } });
  await harness.vault.sandboxes.attach(harness.owner, sandbox.id, { envKey: 'MANY', secretName: 'many' });
});

test('two patterns meet exactly where some host is matched by both', () => {
  const label = fc.constantFrom('a', 'b', 'c');
  const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
  const pattern = fc.tuple(fc.boolean(), name).map(([wild, text]) => (wild ? `*.${text}` : text));
  const labels = ['a', 'b', 'c'];
  let hosts = labels;
  const all = [...hosts];
  for (let depth = 1; depth < 5; depth++) {
    hosts = hosts.flatMap((host) => labels.map((each) => `${each}.${host}`));
    all.push(...hosts);
  }
  fc.assert(
    fc.property(pattern, pattern, (rule, secretHost) => {
      const meet = all.some((host) => hostMatchesBelow(rule, host) && hostMatches(secretHost, host));
      assert.equal(ruleCovers(rule, secretHost), meet, `${rule} ${secretHost}`);
    }),
  );
});

test('a host that a secret names without a rule of its own is told to the proxy, without a slot', async (t) => {
  const harness = await startVault(t);
  const auth = { per_host: [{ hosts: ['api.example.com'], type: 'bearer' as const }] };
  const hosts = ['api.example.com', 'files.example.com'];
  await harness.vault.secrets.create(harness.owner, { name: 'some', value: new Secret('a-real-value'), auth, hosts });
  const { sandbox } = await createSandbox(harness, { secrets: { KEY: 'some' } });
  const snapshot = await harness.vault.egress.snapshot(sandbox.id);
  assert.deepEqual(
    snapshot?.bindings[0]?.rules.map((rule) => [rule.hosts, rule.slots.length]),
    [
      [['api.example.com'], 1],
      [['files.example.com'], 0],
    ],
  );
});
