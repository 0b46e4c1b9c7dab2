import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashToken } from '../../../src/crypto/hash.ts';
import { Secret } from '../../../src/crypto/secret.ts';
import { coreFingerprint, findCores } from '../../../src/stand-in.ts';
import { createSandbox, refusal, startVault, storeSecret } from './harness.ts';

const external = { driver: 'external' };
const unknownId = '6f1c1f0e-0000-4000-8000-000000000000';

function bindings(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`K${index}`, 'anthropic-prod']));
}

describe('creating a sandbox', () => {
  it('hands out stand-ins and never a value', async (t) => {
    const harness = await startVault(t);
    await storeSecret(harness, 'anthropic', { value: 'sk-ant-api03-REAL', provider: 'anthropic' });
    await storeSecret(harness, 'plain', { value: 'REAL-plain' });
    const made = await createSandbox(harness, {
      secrets: { ANTHROPIC_API_KEY: 'anthropic', AGAIN: 'anthropic', PLAIN: 'plain' },
      envVars: { MODE: 'test' },
      metadata: { run: '7' },
      network: { allow_out: ['api.anthropic.com', '10.0.0.0/8'], deny_out: ['0.0.0.0/0'] },
      timeoutSeconds: 60,
    });
    assert.ok(!JSON.stringify(made).includes('REAL'));
    const { env } = made.egress;
    assert.match(env['ANTHROPIC_API_KEY'] ?? '', /^sk-ant-api03-standin[A-Za-z0-9]{25}[A-Za-z0-9_-]{63}$/);
    assert.match(env['PLAIN'] ?? '', /^standin[A-Za-z0-9]{33}$/);
    assert.notEqual(env['AGAIN'], env['ANTHROPIC_API_KEY']);
    assert.equal(env['MODE'], 'test');
    assert.deepEqual(made.sandbox, {
      id: made.sandbox.id,
      name: 'box',
      status: 'active',
      autoDeleteAt: null,
      previewAccess: 'private',
      driver: 'bubblewrap',
      vcpuCount: 2,
      memoryMib: 512,
      createdAt: harness.clock.now,
      timeoutSeconds: 60,
      autoDeleteSeconds: null,
      network: { allow_out: ['api.anthropic.com', '10.0.0.0/8'], deny_out: ['0.0.0.0/0'] },
      metadata: { run: '7' },
      secrets: made.sandbox.secrets,
    });
    assert.deepEqual(
      made.sandbox.secrets.map(({ envKey, secretName, revoked }) => [envKey, secretName, revoked]),
      [
        ['ANTHROPIC_API_KEY', 'anthropic', false],
        ['AGAIN', 'anthropic', false],
        ['PLAIN', 'plain', false],
      ],
    );
    const core = findCores(env['PLAIN'] ?? '')[0]?.core ?? '';
    const fingerprint = coreFingerprint(core);
    const binding = (await harness.store.bindings.byFingerprints([fingerprint])).get(fingerprint)?.binding;
    assert.equal(binding?.envKey, 'PLAIN');
  });

  it('a stand-in takes the prefix of the kind of token that was stored', async (t) => {
    const harness = await startVault(t);
    const kinds: [provider: string, value: string, prefix: RegExp][] = [
      ['github', 'ghp_REALREALREAL', /^ghp_standin/],
      ['github', 'github_pat_REALREALREAL', /^github_pat_[A-Za-z0-9]{22}_standin/],
      ['github', 'something-else-REAL', /^ghp_standin/],
      ['stripe', 'sk_test_REALREAL', /^sk_test_standin/],
      ['stripe', 'rk_live_REALREAL', /^rk_live_standin/],
      ['anthropic', 'sk-ant-oat01-REAL', /^sk-ant-oat01-standin/],
      ['openai', 'sk-REALREALREAL', /^sk-standin/],
      ['openai', 'sk-proj-REALREAL', /^sk-proj-standin/],
    ];
    for (const [index, [provider, value, prefix]] of kinds.entries()) {
      await storeSecret(harness, `k${index}`, { provider, value });
      const { egress } = await createSandbox(harness, { secrets: { KEY: `k${index}` } });
      assert.match(egress.env['KEY'] ?? '', prefix);
      assert.ok(!(egress.env['KEY'] ?? '').includes('REAL'));
    }
  });

  it('is ready for a sandbox that somebody else runs: proxy with its token, trust, and nothing started here', async (t) => {
    const harness = await startVault(t);
    await storeSecret(harness, 'KEY');
    const { sandbox, egress } = await createSandbox(harness, { ...external, secrets: { KEY: 'KEY' } });
    assert.equal(harness.driver.running.size, 0);
    const url = new URL(egress.proxyUrl);
    assert.equal(url.host, '127.0.0.1:8788');
    assert.equal(url.username, sandbox.id);
    assert.match(url.password, /^[A-Za-z0-9_-]{43}$/);
    const snapshot = await harness.vault.egress.snapshot(sandbox.id);
    assert.equal(snapshot?.proxyTokenHash, hashToken(url.password));
    for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy']) {
      assert.equal(egress.env[name], egress.proxyUrl);
    }
    assert.equal(egress.env['NODE_USE_ENV_PROXY'], '1');
    assert.equal(egress.caPem, 'OUR CA');
    const file = egress.env['STANDIN_CA_FILE'];
    assert.equal(file, '/etc/standin/ca.pem');
    for (const name of [
      'NODE_EXTRA_CA_CERTS',
      'SSL_CERT_FILE',
      'REQUESTS_CA_BUNDLE',
      'CURL_CA_BUNDLE',
      'GIT_SSL_CAINFO',
    ]) {
      assert.equal(egress.env[name], file);
    }
  });

  it('shows the proxy token once', async (t) => {
    const harness = await startVault(t);
    const { sandbox, egress } = await createSandbox(harness, external);
    const shown = await harness.vault.sandboxes.get(harness.owner, sandbox.id);
    assert.equal(shown.egress.proxyUrl, `http://${sandbox.id}@127.0.0.1:8788`);
    assert.ok(!JSON.stringify(shown).includes(new URL(egress.proxyUrl).password));
  });

  it('what is wrong is named by its field, and nothing is left', async (t) => {
    const harness = await startVault(t);
    const { vault, owner, store, driver } = harness;
    await storeSecret(harness, 'anthropic-prod');
    const cases: [what: Parameters<typeof createSandbox>[1], field: string, words: RegExp][] = [
      [{ name: '' }, 'name', /1 to 64/],
      [{ name: 'a'.repeat(65) }, 'name', /1 to 64/],
      [{ name: 'a\nb' }, 'name', /control/],
      [{ name: 'a\ud800' }, 'name', /Unicode/],
      [{ driver: 'docker' }, 'driver', /bubblewrap, external/],
      [{ secrets: { KEY: 'anthropic-prd' } }, 'secrets.KEY', /"anthropic-prd".*Did you mean anthropic-prod/],
      [{ secrets: { '1KEY': 'anthropic-prod' } }, 'secrets.1KEY', /environment variable/],
      [{ secrets: { 'A=B': 'anthropic-prod' } }, 'secrets.A=B', /environment variable/],
      [{ secrets: bindings(65) }, 'secrets', /64 at most/],
      [{ envVars: { 'A B': 'x' } }, 'env_vars.A B', /environment variable/],
      [{ envVars: { A: 'x\0y' } }, 'env_vars.A', /NUL/],
      [{ secrets: { A: 'anthropic-prod' }, envVars: { A: 'x' } }, 'env_vars.A', /one of the two/],
      [{ network: { allow_out: ['https://a.example.com'] } }, 'network.allow_out.0', /scheme/],
      [{ network: { allow_out: ['a.example.com', '10.0.0.0/33'] } }, 'network.allow_out.1', /CIDR/],
      [{ network: { allow_out: ['10.0.0.256'] } }, 'network.allow_out.0', /CIDR/],
      [{ network: { allow_out: ['2001:db8::/129'] } }, 'network.allow_out.0', /CIDR/],
      [{ network: { allow_out: ['a.*.example.com'] } }, 'network.allow_out.0', /wildcard/],
      [{ network: { deny_out: ['example.com'] } }, 'network.deny_out.0', /domains go to allow_out/],
      [{ network: { deny_out: Array.from({ length: 257 }, () => '10.0.0.0/8') } }, 'network.deny_out', /256/],
      [{ timeoutSeconds: 0 }, 'timeout_seconds', /1 to 604800/],
      [{ timeoutSeconds: 604_801 }, 'timeout_seconds', /604800/],
      [{ timeoutSeconds: 1.5 }, 'timeout_seconds', /whole/],
      [{ autoDeleteSeconds: -1 }, 'auto_delete_seconds', /0 to 2592000/],
      [{ autoDeleteSeconds: 2_592_001 }, 'auto_delete_seconds', /2592000/],
      [{ metadata: { 'superserve.x': '1' } }, 'metadata.superserve.x', /reserved/],
      [{ metadata: { _superserve: '1' } }, 'metadata._superserve', /reserved/],
      [{ metadata: { '': '1' } }, 'metadata.', /1 to 256 bytes/],
      [{ metadata: { ['é'.repeat(129)]: '1' } }, `metadata.${'é'.repeat(80)}`, /1 to 256 bytes/],
      [{ metadata: { a: 'é'.repeat(1025) } }, 'metadata.a', /2048 bytes/],
      [{ metadata: { a: '\0' } }, 'metadata.a', /NUL/],
      [{ metadata: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ''])) }, 'metadata', /64 keys/],
      [
        { metadata: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`k${i}`, 'a'.repeat(2000)])) },
        'metadata',
        /16384 bytes/,
      ],
      [{ mounts: [{ source: 'src', target: '/src', readOnly: true }] }, 'mounts.0.source', /absolute/],
      [{ mounts: [{ source: '/src', target: '/src/../etc', readOnly: true }] }, 'mounts.0.target', /\.\./],
      [{ mounts: [{ source: '/s\0', target: '/s', readOnly: true }] }, 'mounts.0.source', /NUL/],
      [{ ...external, mounts: [{ source: '/src', target: '/src', readOnly: true }] }, 'mounts', /somebody else/],
    ];
    for (const [wrong, field, words] of cases) {
      await assert.rejects(createSandbox(harness, wrong), refusal('bad_request', field, words));
    }
    assert.deepEqual(await store.sandboxes.list(owner.teamId, { limit: 10, offset: 0 }), []);
    assert.deepEqual(await vault.secrets.bindings(owner, 'anthropic-prod'), []);
    assert.equal(driver.running.size, 0);
  });

  it('limits are met exactly', async (t) => {
    const harness = await startVault(t);
    await storeSecret(harness, 'KEY');
    const made = await createSandbox(harness, {
      name: 'a'.repeat(64),
      secrets: Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`K${index}`, 'KEY'])),
      metadata: { ['é'.repeat(128)]: 'é'.repeat(1024), superserver: 'fine' },
      timeoutSeconds: 604_800,
      autoDeleteSeconds: 0,
      network: { allow_out: ['*.Example.com', '*.com', '203.0.113.7', '2001:db8::/32'], deny_out: [] },
    });
    assert.equal(made.sandbox.secrets.length, 64);
    assert.deepEqual(made.sandbox.network, {
      allow_out: ['*.example.com', '*.com', '203.0.113.7', '2001:db8::/32'],
      deny_out: [],
    });
  });

  it('names that JavaScript knows otherwise are names like others', async (t) => {
    const harness = await startVault(t);
    await storeSecret(harness, '__proto__');
    const parsed: Record<string, string> = JSON.parse('{"__proto__": "__proto__"}');
    const made = await createSandbox(harness, { secrets: parsed, envVars: { constructor: 'x' } });
    const set = new Map(Object.entries(made.egress.env));
    assert.match(set.get('__proto__') ?? '', /^standin/);
    assert.equal(set.get('constructor'), 'x');
  });

  it('mounts take an operator key', async (t) => {
    const harness = await startVault(t);
    const mounts = [{ source: '/srv/code', target: '/srv/code', readOnly: false }];
    const guest = { ...harness.owner, operator: false };
    await assert.rejects(harness.vault.sandboxes.create(guest, { name: 'box', mounts }), refusal('forbidden'));
    const { sandbox } = await createSandbox(harness, { mounts });
    assert.deepEqual(harness.driver.running.get(sandbox.id)?.spec.mounts, mounts);
  });

  it('a driver that fails leaves nothing behind', async (t) => {
    const harness = await startVault(t);
    await storeSecret(harness, 'KEY');
    harness.driver.failure = new Error('no room');
    await assert.rejects(createSandbox(harness, { secrets: { KEY: 'KEY' } }), /no room/);
    assert.deepEqual(await harness.vault.sandboxes.list(harness.owner, { limit: 10, offset: 0 }), []);
    assert.deepEqual(await harness.vault.secrets.bindings(harness.owner, 'KEY'), []);
  });

  it('workers that cannot be told end it again', async (t) => {
    const harness = await startVault(t, { changed: () => Promise.reject(new Error('no worker answers')) });
    await assert.rejects(createSandbox(harness), /no worker answers/);
    assert.deepEqual(await harness.vault.sandboxes.list(harness.owner, { limit: 10, offset: 0 }), []);
    assert.equal(harness.driver.running.size, 0);
  });
});

describe('attach and detach', () => {
  it('tell the workers before they answer', async (t) => {
    const harness = await startVault(t);
    const { vault, owner, told } = harness;
    await storeSecret(harness, 'KEY');
    const { sandbox } = await createSandbox(harness);
    told.length = 0;
    await vault.sandboxes.attach(owner, sandbox.id, { envKey: 'LATER', secretName: 'KEY' });
    assert.deepEqual(
      told[0]?.get(sandbox.id)?.bindings.map(({ envKey }) => envKey),
      ['LATER'],
    );
    await vault.sandboxes.detach(owner, sandbox.id, 'LATER');
    assert.deepEqual(told[1]?.get(sandbox.id)?.bindings, []);
    await assert.rejects(vault.sandboxes.detach(owner, sandbox.id, 'LATER'), refusal('not_found'));
  });

  it('a key that is taken, by a secret or a variable, is a conflict', async (t) => {
    const harness = await startVault(t);
    const { vault, owner } = harness;
    await storeSecret(harness, 'KEY');
    const { sandbox } = await createSandbox(harness, { secrets: { A: 'KEY' }, envVars: { B: 'x' } });
    for (const envKey of ['A', 'B']) {
      await assert.rejects(
        vault.sandboxes.attach(owner, sandbox.id, { envKey, secretName: 'KEY' }),
        refusal('conflict', 'env_key'),
      );
    }
    await vault.sandboxes.detach(owner, sandbox.id, 'A');
    await vault.sandboxes.attach(owner, sandbox.id, { envKey: 'A', secretName: 'KEY' });
  });

  it('bad input is named by its field', async (t) => {
    const harness = await startVault(t);
    const { vault, owner } = harness;
    await storeSecret(harness, 'KEY');
    const { sandbox } = await createSandbox(harness);
    const attach = (envKey: string, secretName: string) =>
      vault.sandboxes.attach(owner, sandbox.id, { envKey, secretName });
    await assert.rejects(attach('1A', 'KEY'), refusal('bad_request', 'env_key'));
    await assert.rejects(attach('A', 'KEZ'), refusal('bad_request', 'secret_name', /Did you mean KEY/));
  });
});

describe('the egress token', () => {
  it('is replaced, and the old one is worthless when the answer comes', async (t) => {
    const harness = await startVault(t);
    const { sandbox, egress } = await createSandbox(harness, external);
    harness.told.length = 0;
    const rotated = await harness.vault.sandboxes.rotateEgressToken(harness.owner, sandbox.id);
    const token = new URL(rotated.proxyUrl).password;
    assert.notEqual(token, new URL(egress.proxyUrl).password);
    assert.equal(harness.told[0]?.get(sandbox.id)?.proxyTokenHash, hashToken(token));
    assert.equal(rotated.env['HTTPS_PROXY'], rotated.proxyUrl);
  });
});

describe('deleting a sandbox', () => {
  it('leaves a trace that tells it from one that never was, and ends what ran', async (t) => {
    const harness = await startVault(t);
    const { vault, owner, told, driver } = harness;
    await storeSecret(harness, 'KEY');
    const { sandbox, egress } = await createSandbox(harness, { secrets: { KEY: 'KEY' } });
    told.length = 0;
    await vault.sandboxes.remove(owner, sandbox.id);
    assert.deepEqual(told[0]?.get(sandbox.id), {
      id: sandbox.id,
      teamId: owner.teamId,
      deleted: true,
      proxyTokenHash: hashToken(new URL(egress.proxyUrl).password),
      network: { allowOut: [], denyOut: [] },
      bindings: [],
    });
    assert.equal(driver.running.size, 0);
    await assert.rejects(vault.sandboxes.get(owner, sandbox.id), refusal('not_found'));
    await assert.rejects(vault.sandboxes.remove(owner, sandbox.id), refusal('not_found'));
    assert.equal(await vault.egress.snapshot(unknownId), null);
  });

  it('ends what ran also where the workers could not be told', async (t) => {
    const deaf = { deaf: false };
    const harness = await startVault(t, {
      changed: () => (deaf.deaf ? Promise.reject(new Error('no worker answers')) : Promise.resolve()),
    });
    const { sandbox } = await createSandbox(harness);
    deaf.deaf = true;
    await assert.rejects(harness.vault.sandboxes.remove(harness.owner, sandbox.id), /no worker answers/);
    assert.equal(harness.driver.running.size, 0);
  });
});

it('after a restart, what the last server ran is marked as failed, and the rest is left alone', async (t) => {
  const harness = await startVault(t);
  const { store, vault } = harness;
  const mine = await createSandbox(harness);
  const elsewhere = await createSandbox(harness, external);
  const record = await store.sandboxes.byId(mine.sandbox.id);
  assert.ok(record);
  const orphan = { ...record, id: unknownId };
  await store.sandboxes.insert(orphan, []);
  await vault.recover();
  const status = async (id: string) => (await store.sandboxes.byId(id))?.status;
  assert.equal(await status(orphan.id), 'failed');
  assert.equal(await status(mine.sandbox.id), 'active');
  assert.equal(await status(elsewhere.sandbox.id), 'active');
});

it('lists sandboxes by status and metadata, page by page', async (t) => {
  const harness = await startVault(t);
  const { vault, owner, clock, store } = harness;
  await storeSecret(harness, 'KEY');
  for (const [index, metadata] of [{ team: 'a' }, { team: 'b' }, { team: 'a', run: '1' }].entries()) {
    clock.now = new Date(clock.now.getTime() + 1000);
    await createSandbox(harness, { name: `s${index}`, metadata, secrets: { KEY: 'KEY' } });
  }
  const names = async (filter: object) =>
    (await vault.sandboxes.list(owner, { limit: 10, offset: 0, ...filter })).map(({ name }) => name);
  assert.deepEqual(await names({}), ['s2', 's1', 's0']);
  assert.deepEqual(await names({ limit: 1, offset: 1 }), ['s1']);
  assert.deepEqual(await names({ metadata: { team: 'a' } }), ['s2', 's0']);
  assert.deepEqual(await names({ metadata: { team: 'a', run: '1' } }), ['s2']);
  const [first] = await vault.sandboxes.list(owner, { limit: 1, offset: 0 });
  assert.deepEqual(first?.secrets, [{ envKey: 'KEY', secretName: 'KEY', revoked: false }]);
  await store.sandboxes.update(first?.id ?? '', { status: 'paused' });
  assert.deepEqual(await names({ status: ['paused'] }), ['s2']);
});

it('a secret that was rotated is bound by its new version', async (t) => {
  const harness = await startVault(t);
  await storeSecret(harness, 'KEY');
  await harness.vault.secrets.rotate(harness.owner, 'KEY', new Secret('second'));
  const { sandbox } = await createSandbox(harness, { secrets: { KEY: 'KEY' } });
  const snapshot = await harness.vault.egress.snapshot(sandbox.id);
  assert.deepEqual(
    snapshot?.bindings.map(({ version }) => version),
    [2],
  );
});
