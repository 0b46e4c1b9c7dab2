import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { Secret, exposeSecret } from '../../../src/crypto/secret.ts';
import type { CreateSecretInput } from '../../../src/vault/types.ts';
import { openValue } from '../../../src/vault/values.ts';
import { makeCore } from '../../../src/stand-in.ts';
import { createSandbox, refusal, startVault, storeSecret } from './harness.ts';
import type { Harness } from './harness.ts';

const plain = { auth: { type: 'bearer' }, hosts: ['api.example.com'] } as const;

function input(change: Partial<CreateSecretInput> = {}): CreateSecretInput {
  return {
    name: 'KEY',
    value: new Secret('zQ7-real-value'),
    auth: { ...plain.auth },
    hosts: [...plain.hosts],
    ...change,
  };
}

async function currentValue({ store, deps, owner }: Harness, name: string): Promise<string> {
  const record = await store.secrets.byName(owner.teamId, name);
  assert.ok(record);
  const value = await openValue(deps, record);
  assert.ok(value);
  return exposeSecret(value).toString('utf8');
}

describe('creating a secret', () => {
  it('answers with the resolved rule and no value, and keeps the value sealed', async (t) => {
    const harness = await startVault(t);
    const view = await harness.vault.secrets.create(harness.owner, input({ hosts: ['API.example.com'] }));
    assert.deepEqual(view, {
      id: view.id,
      name: 'KEY',
      authType: 'bearer',
      authConfig: { type: 'bearer' },
      hosts: ['api.example.com'],
      providerShortcut: null,
      onTripwire: 'alert',
      createdAt: harness.clock.now,
      updatedAt: harness.clock.now,
      lastUsedAt: null,
    });
    assert.deepEqual(await harness.vault.secrets.get(harness.owner, 'KEY'), view);
    assert.equal(await currentValue(harness, 'KEY'), 'zQ7-real-value');
    const sealed = await harness.store.secrets.sealed(view.id, 1);
    assert.ok(sealed && !Buffer.from(sealed.ciphertext).includes('zQ7'));
  });

  it('a provider settles rule and hosts', async (t) => {
    const { vault, owner } = await startVault(t);
    const github = await vault.secrets.create(owner, { name: 'gh', value: new Secret('ghp_x'), provider: 'github' });
    assert.equal(github.authType, 'per_host');
    assert.equal(github.providerShortcut, 'github');
    assert.deepEqual(github.hosts, ['api.github.com', 'uploads.github.com', 'github.com']);
    assert.deepEqual(github.authConfig, {
      per_host: [
        { hosts: ['api.github.com', 'uploads.github.com'], type: 'bearer' },
        { hosts: ['github.com'], type: 'basic', username: 'x-access-token' },
      ],
    });
  });

  it('what is wrong is named by its field, and nothing is left', async (t) => {
    const { vault, owner } = await startVault(t);
    const value = (text: string | Uint8Array) => input({ value: new Secret(text) });
    const cases: [what: CreateSecretInput, field: string, words: RegExp][] = [
      [input({ name: '' }), 'name', /1 to 128/],
      [input({ name: '1KEY' }), 'name', /start with a letter/],
      [input({ name: 'my key' }), 'name', /letters/],
      [input({ name: 'a'.repeat(129) }), 'name', /128/],
      [input({ name: 'KEY\n' }), 'name', /letters/],
      [value(''), 'value', /1 to 8192 bytes/],
      [value('a'.repeat(8193)), 'value', /1 to 8192 bytes.* is 8193/],
      [value('é'.repeat(4097)), 'value', /is 8194/],
      [value('zQ7value\n'), 'value', /line break/],
      [value('zQ7\rvalue'), 'value', /line break/],
      [value('zQ7\0value'), 'value', /NUL/],
      [value(Buffer.from([0x7a, 0x51, 0x37, 0xff])), 'value', /UTF-8/],
      [value(`zQ7${makeCore('text')}`), 'value', /is a stand-in/],
      [value(`zQ7${makeCore('hex')}`), 'value', /is a stand-in/],
      [input({ auth: undefined, hosts: undefined }), 'provider', /or auth and hosts/],
      [input({ auth: undefined }), 'provider', /or auth and hosts/],
      [input({ hosts: undefined }), 'hosts', /required with auth/],
      [input({ provider: 'openai' }), 'auth', /provider/],
      [input({ provider: 'openai', auth: undefined }), 'hosts', /provider/],
      [input({ provider: 'opnai', auth: undefined, hosts: undefined }), 'provider', /Did you mean openai/],
      [input({ provider: 'shopify', auth: undefined, hosts: undefined }), 'provider', /a host of its own/],
      [input({ hosts: ['*.github.io'] }), 'hosts.0', /anybody can register/],
      [input({ auth: { type: 'basic', username: 'a:b' } }), 'auth.username', /colon/],
    ];
    for (const [wrong, field, words] of cases) {
      await assert.rejects(vault.secrets.create(owner, wrong), (error) => {
        assert.ok(!inspect(error).includes('zQ7'), 'the value shows in the error');
        return refusal('bad_request', field, words)(error);
      });
    }
    assert.deepEqual(await vault.secrets.list(owner), []);
  });

  it('the longest name and value are taken', async (t) => {
    const harness = await startVault(t);
    const name = `_${'a-'.repeat(63)}z`;
    await harness.vault.secrets.create(harness.owner, input({ name, value: new Secret('é'.repeat(4096)) }));
    assert.equal(await currentValue(harness, name), 'é'.repeat(4096));
  });

  it('a name is taken once, also by two at the same time', async (t) => {
    const { vault, owner } = await startVault(t);
    const results = await Promise.allSettled([
      vault.secrets.create(owner, input()),
      vault.secrets.create(owner, input()),
    ]);
    const refused = results.filter((each) => each.status === 'rejected');
    assert.equal(refused.length, 1);
    refusal('conflict', 'name', /"KEY" exists/)(refused[0]?.reason);
    assert.equal((await vault.secrets.list(owner)).length, 1);
  });

  it('secrets are listed newest first', async (t) => {
    const harness = await startVault(t);
    for (const name of ['a', 'b', 'c']) {
      harness.clock.now = new Date(harness.clock.now.getTime() + 1000);
      await storeSecret(harness, name);
    }
    const names = (await harness.vault.secrets.list(harness.owner)).map(({ name }) => name);
    assert.deepEqual(names, ['c', 'b', 'a']);
  });
});

describe('rotating a secret', () => {
  it('replaces the value, and tells the sandboxes that hold it before it answers', async (t) => {
    const harness = await startVault(t);
    const { vault, owner, clock, told } = harness;
    await storeSecret(harness, 'KEY', { value: 'first' });
    const one = await createSandbox(harness, { secrets: { A: 'KEY', B: 'KEY' } });
    const two = await createSandbox(harness, { secrets: { A: 'KEY' } });
    await createSandbox(harness);
    told.length = 0;
    clock.now = new Date(clock.now.getTime() + 5000);
    const view = await vault.secrets.rotate(owner, 'KEY', new Secret('second'));
    assert.deepEqual(view.updatedAt, clock.now);
    assert.notDeepEqual(view.createdAt, clock.now);
    assert.equal(told.length, 1);
    assert.deepEqual([...(told[0]?.keys() ?? [])].toSorted(), [one.sandbox.id, two.sandbox.id].toSorted());
    assert.deepEqual(
      told[0]?.get(one.sandbox.id)?.bindings.map(({ version }) => version),
      [2, 2],
    );
    assert.equal(await currentValue(harness, 'KEY'), 'second');
  });

  it('keeps the stand-ins that sandboxes hold', async (t) => {
    const harness = await startVault(t);
    await storeSecret(harness, 'KEY', { value: 'first' });
    const before = await createSandbox(harness, { secrets: { KEY: 'KEY' } });
    await harness.vault.secrets.rotate(harness.owner, 'KEY', new Secret('second'));
    const after = await harness.vault.sandboxes.get(harness.owner, before.sandbox.id);
    assert.equal(after.egress.env['KEY'], before.egress.env['KEY']);
  });

  it('judges the new value, and needs a live secret', async (t) => {
    const harness = await startVault(t);
    await storeSecret(harness, 'KEY', { value: 'first' });
    const { vault, owner } = harness;
    await assert.rejects(vault.secrets.rotate(owner, 'KEY', new Secret('a\nb')), refusal('bad_request', 'value'));
    await assert.rejects(vault.secrets.rotate(owner, 'NONE', new Secret('ab')), refusal('not_found'));
    assert.equal(await currentValue(harness, 'KEY'), 'first');
  });

  it('two at once are both served, and one of the two values stays', async (t) => {
    const harness = await startVault(t);
    await storeSecret(harness, 'KEY', { value: 'first' });
    const { vault, owner, store } = harness;
    await Promise.all(['one', 'two'].map((value) => vault.secrets.rotate(owner, 'KEY', new Secret(value))));
    assert.match(await currentValue(harness, 'KEY'), /^(one|two)$/);
    assert.equal((await store.secrets.byName(owner.teamId, 'KEY'))?.version, 3);
  });
});

describe('deleting a secret', () => {
  it('revokes it in its sandboxes before it answers, erases the value, and frees the name', async (t) => {
    const harness = await startVault(t);
    const { vault, owner, store, told } = harness;
    await storeSecret(harness, 'KEY', { value: 'first' });
    const { id } = await vault.secrets.get(owner, 'KEY');
    const { sandbox } = await createSandbox(harness, { secrets: { KEY: 'KEY' } });
    told.length = 0;
    await vault.secrets.remove(owner, 'KEY');
    assert.deepEqual(
      told[0]?.get(sandbox.id)?.bindings.map(({ state }) => state),
      ['revoked'],
    );
    assert.equal(await store.secrets.sealed(id, 1), null);
    await assert.rejects(vault.secrets.get(owner, 'KEY'), refusal('not_found'));
    await assert.rejects(vault.secrets.remove(owner, 'KEY'), refusal('not_found'));
    const shown = await vault.sandboxes.get(owner, sandbox.id);
    assert.deepEqual(shown.sandbox.secrets, [{ envKey: 'KEY', secretName: 'KEY', revoked: true }]);

    await storeSecret(harness, 'KEY', { value: 'second' });
    assert.equal(await currentValue(harness, 'KEY'), 'second');
    assert.notEqual((await vault.secrets.get(owner, 'KEY')).id, id);
    // The new secret of that name is not what the old sandbox was given.
    assert.equal(await vault.egress.openSecret({ sandboxId: sandbox.id, secretId: id, version: 1 }), null);
  });

  it('is not answered as done where the workers could not be told', async (t) => {
    const deaf = { deaf: false };
    const harness = await startVault(t, {
      changed: () => (deaf.deaf ? Promise.reject(new Error('no worker answers')) : Promise.resolve()),
    });
    await storeSecret(harness, 'KEY');
    await createSandbox(harness, { secrets: { KEY: 'KEY' } });
    deaf.deaf = true;
    await assert.rejects(harness.vault.secrets.remove(harness.owner, 'KEY'), /no worker answers/);
  });
});

it('live bindings name the sandbox, the variable and its status', async (t) => {
  const harness = await startVault(t);
  const { vault, owner } = harness;
  await storeSecret(harness, 'KEY');
  const one = await createSandbox(harness, { name: 'one', secrets: { A: 'KEY' } });
  const gone = await createSandbox(harness, { name: 'gone', secrets: { A: 'KEY' } });
  const left = await createSandbox(harness, { name: 'left', secrets: { A: 'KEY' } });
  await vault.sandboxes.remove(owner, gone.sandbox.id);
  await vault.sandboxes.detach(owner, left.sandbox.id, 'A');
  assert.deepEqual(await vault.secrets.bindings(owner, 'KEY'), [
    { sandboxId: one.sandbox.id, sandboxName: 'one', envKey: 'A', status: 'active' },
  ]);
});
