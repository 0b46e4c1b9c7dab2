import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { Secret, exposeSecret } from '../../../src/crypto/secret.ts';
import type { ControlPlane } from '../../../src/egress/ports.ts';
import { compileRules } from '../../../src/vault/compile.ts';
import type { ValueAsk } from '../../../src/vault/open-secret.ts';
import { createSandbox, startVault, storeSecret } from './harness.ts';
import type { Harness } from './harness.ts';

const unknownId = '6f1c1f0e-0000-4000-8000-000000000000';

function authorization(before: string): unknown {
  const header = { name: 'Authorization', before, after: '' };
  return { kind: 'header', ...header, set: [header] };
}

async function scene(t: TestContext): Promise<Harness & { ask: ValueAsk }> {
  const harness = await startVault(t);
  await storeSecret(harness, 'KEY', { value: 'REAL' });
  const { sandbox } = await createSandbox(harness, { secrets: { KEY: 'KEY' } });
  const { id: secretId } = await harness.vault.secrets.get(harness.owner, 'KEY');
  return { ...harness, ask: { sandboxId: sandbox.id, secretId, version: 1 } };
}

async function open({ vault }: Harness, ask: ValueAsk): Promise<string | null> {
  const value = await vault.egress.openSecret(ask);
  return value === null ? null : exposeSecret(value).toString('utf8');
}

describe('a snapshot', () => {
  it('is all that the proxy needs to judge a request, and holds no value', async (t) => {
    const harness = await startVault(t);
    // What the vault answers is what the proxy asks for, by structure.
    const control: ControlPlane = harness.vault.egress;
    await storeSecret(harness, 'gh', { provider: 'github', value: 'ghp_REAL' });
    const { sandbox, egress } = await createSandbox(harness, {
      secrets: { GITHUB_TOKEN: 'gh' },
      network: { allow_out: ['*.github.com'] },
    });
    const secret = await harness.vault.secrets.get(harness.owner, 'gh');
    const snapshot = await control.snapshot(sandbox.id);
    assert.ok(!JSON.stringify(snapshot).includes('REAL'));
    const basic = { kind: 'basic', username: 'x-access-token', place: 'password' };
    assert.deepEqual(snapshot, {
      id: sandbox.id,
      teamId: harness.owner.teamId,
      proxyTokenHash: snapshot?.proxyTokenHash,
      network: { allowOut: ['*.github.com'], denyOut: [] },
      bindings: [
        {
          id: snapshot?.bindings[0]?.id,
          envKey: 'GITHUB_TOKEN',
          standIn: egress.env['GITHUB_TOKEN'],
          secretId: secret.id,
          secretName: 'gh',
          version: 1,
          state: 'live',
          rules: [
            { hosts: ['api.github.com'], slots: [authorization('Bearer '), authorization('token ')] },
            { hosts: ['uploads.github.com'], slots: [authorization('Bearer '), authorization('token ')] },
            { hosts: ['github.com'], slots: [basic] },
          ],
        },
      ],
    });
  });

  it('of what was never a sandbox is null', async (t) => {
    const { vault } = await startVault(t);
    for (const id of [unknownId, '', 'x', "' or 1=1 --", `${unknownId}\0`]) {
      assert.equal(await vault.egress.snapshot(id), null);
    }
  });

  it('with a rule that this version would not have written is refused, not guessed at', async (t) => {
    const harness = await startVault(t);
    await storeSecret(harness, 'KEY');
    const known = await harness.store.secrets.byName(harness.owner.teamId, 'KEY');
    assert.ok(known);
    const sealed = await harness.store.secrets.sealed(known.id, 1);
    assert.ok(sealed);
    for (const [index, authConfig] of [
      { type: 'oauth' },
      { per_host: [{ type: 'bearer' }] },
      'bearer',
      null,
    ].entries()) {
      const secret = { ...known, id: unknownId.replace(/.$/, String(index)), name: `K${index}`, authConfig };
      await harness.store.secrets.insert(secret, sealed);
      const { sandbox } = await createSandbox(harness, { driver: 'external' });
      const bound = harness.vault.sandboxes.attach(harness.owner, sandbox.id, { envKey: 'A', secretName: `K${index}` });
      await assert.rejects(bound, /is not understood/);
      await assert.rejects(harness.vault.egress.snapshot(sandbox.id), /is not understood/);
    }
  });
});

describe('the rules of a secret', () => {
  const stored = { hosts: ['a.example.com', '*.b.example.com'], providerShortcut: null };
  const slotsOf = (authConfig: Parameters<typeof compileRules>[0]['authConfig']) => {
    const [rule, ...more] = compileRules({ ...stored, authConfig });
    assert.deepEqual(more, []);
    assert.deepEqual(rule?.hosts, stored.hosts);
    return rule?.slots;
  };

  it('bearer goes into Authorization', () => {
    const header = { name: 'Authorization', before: 'Bearer ', after: '' };
    assert.deepEqual(slotsOf({ type: 'bearer' }), [{ kind: 'header', ...header, set: [header] }]);
  });

  it('basic keeps the user name of its rule, or the client has its own', () => {
    assert.deepEqual(slotsOf({ type: 'basic', username: 'me' }), [
      { kind: 'basic', username: 'me', place: 'password' },
    ]);
    assert.deepEqual(slotsOf({ type: 'basic', username: '' }), [{ kind: 'basic', username: '', place: 'password' }]);
    assert.deepEqual(slotsOf({ type: 'basic' }), [{ kind: 'basic', username: null, place: 'password' }]);
  });

  it('api-key keeps its prefix to the byte', () => {
    const header = { name: 'X-Key', before: 'v1 ', after: '' };
    assert.deepEqual(slotsOf({ type: 'api-key', header: 'X-Key', prefix: 'v1 ' }), [
      { kind: 'header', ...header, set: [header] },
    ]);
  });

  it('custom owns all its headers, whichever of them the client sent', () => {
    const one = { name: 'X-One', before: '', after: '' };
    const two = { name: 'X-Two', before: 'k=', after: ';v=2' };
    assert.deepEqual(slotsOf({ type: 'custom', headers: { 'X-One': '{{value}}', 'X-Two': 'k={{ value }};v=2' } }), [
      { kind: 'header', ...one, set: [one, two] },
      { kind: 'header', ...two, set: [one, two] },
    ]);
  });

  it('a catalogue that grew does not widen what was stored', () => {
    const rules = compileRules({
      authConfig: { type: 'bearer' },
      hosts: ['api.stripe.com'],
      providerShortcut: 'stripe',
    });
    assert.deepEqual(
      rules.flatMap(({ hosts }) => hosts),
      ['api.stripe.com'],
    );
    const forgotten = compileRules({
      authConfig: { type: 'bearer' },
      hosts: ['api.gone.com'],
      providerShortcut: 'gone',
    });
    assert.deepEqual(
      forgotten.map(({ hosts, slots }) => [hosts, slots.length]),
      [[['api.gone.com'], 1]],
    );
  });
});

describe('a value', () => {
  it('is opened for a sandbox that is bound to it, in its current version', async (t) => {
    const all = await scene(t);
    assert.equal(await open(all, all.ask), 'REAL');
    assert.equal(await open(all, { ...all.ask, version: 2 }), null);
    assert.equal(await open(all, { ...all.ask, version: 0 }), null);
    assert.equal(await open(all, { ...all.ask, secretId: unknownId }), null);
    assert.equal(await open(all, { ...all.ask, sandboxId: unknownId }), null);
    assert.equal(await open(all, { ...all.ask, sandboxId: 'x' }), null);
  });

  it('is not opened for a sandbox of the same team that is not bound to it', async (t) => {
    const all = await scene(t);
    const other = await createSandbox(all);
    assert.equal(await open(all, { ...all.ask, sandboxId: other.sandbox.id }), null);
  });

  it('is not opened after rotation, in its old version', async (t) => {
    const all = await scene(t);
    await all.vault.secrets.rotate(all.owner, 'KEY', new Secret('NEW'));
    assert.equal(await open(all, all.ask), null);
    assert.equal(await open(all, { ...all.ask, version: 2 }), 'NEW');
  });

  it('is not opened after detach', async (t) => {
    const all = await scene(t);
    await all.vault.sandboxes.detach(all.owner, all.ask.sandboxId, 'KEY');
    assert.equal(await open(all, all.ask), null);
  });

  it('is not opened after the sandbox is deleted', async (t) => {
    const all = await scene(t);
    await all.vault.sandboxes.remove(all.owner, all.ask.sandboxId);
    assert.equal(await open(all, all.ask), null);
  });

  it('is not opened after the secret is deleted', async (t) => {
    const all = await scene(t);
    await all.vault.secrets.remove(all.owner, 'KEY');
    assert.equal(await open(all, all.ask), null);
  });

  it('that stands in the row of another secret does not open', async (t) => {
    const all = await scene(t);
    await storeSecret(all, 'BAIT', { value: 'BAIT' });
    const bait = await all.store.secrets.byName(all.owner.teamId, 'BAIT');
    const sealed = await all.store.secrets.sealed(all.ask.secretId, 1);
    assert.ok(bait && sealed);
    await all.store.secrets.rotate(bait.id, 2, sealed, all.clock.now);
    const { sandbox } = await createSandbox(all, { secrets: { BAIT: 'BAIT' } });
    await assert.rejects(open(all, { sandboxId: sandbox.id, secretId: bait.id, version: 2 }), /does not open/);
  });
});
