import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Secret } from '../../../src/crypto/secret.ts';
import { StandinError } from '../../../src/errors.ts';
import type { Caller, SandboxService, SecretService } from '../../../src/vault/types.ts';
import { createSandbox, otherTeam, refusal, startVault, storeSecret } from './harness.ts';
import type { Harness } from './harness.ts';

type Call = ((harness: Harness, caller: Caller, id: string) => Promise<unknown>) | 'not by team';
type Calls<Service> = Record<keyof Service, Call>;

/** Every call, on what another team has. A method that is added must say here how it keeps teams apart. */
const onSecrets: Calls<SecretService> = {
  create: 'not by team',
  list: 'not by team',
  get: ({ vault }, caller) => vault.secrets.get(caller, 'KEY'),
  rotate: ({ vault }, caller) => vault.secrets.rotate(caller, 'KEY', new Secret('stolen')),
  setOnTripwire: ({ vault }, caller) => vault.secrets.setOnTripwire(caller, 'KEY', 'revoke'),
  remove: ({ vault }, caller) => vault.secrets.remove(caller, 'KEY'),
  audit: ({ vault }, caller) => vault.secrets.audit(caller, 'KEY', { limit: 10 }),
  bindings: ({ vault }, caller) => vault.secrets.bindings(caller, 'KEY'),
};
const onSandboxes: Calls<SandboxService> = {
  create: 'not by team',
  list: 'not by team',
  authorize: 'not by team',
  exec: 'not by team',
  files: 'not by team',
  get: ({ vault }, caller, id) => vault.sandboxes.get(caller, id),
  remove: ({ vault }, caller, id) => vault.sandboxes.remove(caller, id),
  attach: ({ vault }, caller, id) => vault.sandboxes.attach(caller, id, { envKey: 'X', secretName: 'KEY' }),
  detach: ({ vault }, caller, id) => vault.sandboxes.detach(caller, id, 'KEY'),
  pause: ({ vault }, caller, id) => vault.sandboxes.pause(caller, id),
  resume: ({ vault }, caller, id) => vault.sandboxes.resume(caller, id),
  activate: ({ vault }, caller, id) => vault.sandboxes.activate(caller, id),
  update: ({ vault }, caller, id) => vault.sandboxes.update(caller, id, { metadata: { taken: 'over' } }),
  networkLog: ({ vault }, caller, id) => vault.sandboxes.networkLog(caller, id, { limit: 1 }),
  listFiles: ({ vault }, caller, id) => vault.sandboxes.listFiles(caller, id, '/'),
  rotateEgressToken: ({ vault }, caller, id) => vault.sandboxes.rotateEgressToken(caller, id),
};

const everyCall: [method: string, call: Call][] = [
  ...Object.entries<Call>(onSecrets).map(([method, call]): [string, Call] => [`secrets.${method}`, call]),
  ...Object.entries<Call>(onSandboxes).map(([method, call]): [string, Call] => [`sandboxes.${method}`, call]),
];

for (const [method, call] of everyCall) {
  if (call === 'not by team') continue;
  it(`${method} finds nothing of another team`, async (t) => {
    const harness = await startVault(t);
    await storeSecret(harness, 'KEY');
    const { sandbox } = await createSandbox(harness, { secrets: { KEY: 'KEY' } });
    const before = await harness.vault.egress.snapshot(sandbox.id);
    const stranger = { ...(await otherTeam(harness)), operator: true };
    await assert.rejects(call(harness, stranger, sandbox.id), refusal('not_found'));
    assert.deepEqual(await harness.vault.egress.snapshot(sandbox.id), before);
  });
}

it('the same words answer for what is of another team and for what never was', async (t) => {
  const harness = await startVault(t);
  await storeSecret(harness, 'KEY');
  const { sandbox } = await createSandbox(harness);
  const stranger = await otherTeam(harness);
  const { secrets, sandboxes } = harness.vault;
  assert.equal(await words(secrets.get(stranger, 'KEY')), await words(secrets.get(stranger, 'NONE')));
  const never = '6f1c1f0e-0000-4000-8000-000000000000';
  assert.equal(await words(sandboxes.get(stranger, sandbox.id)), await words(sandboxes.get(stranger, never)));
  assert.equal(await words(sandboxes.get(stranger, sandbox.id)), await words(sandboxes.get(stranger, 'not-an-id')));
});

it('lists and names are of one team', async (t) => {
  const harness = await startVault(t);
  const { vault } = harness;
  await storeSecret(harness, 'KEY');
  await createSandbox(harness);
  const stranger = await otherTeam(harness);
  assert.deepEqual(await vault.secrets.list(stranger), []);
  assert.deepEqual(await vault.sandboxes.list(stranger, { limit: 10, offset: 0 }), []);
  const theirs = { name: 'KEY', value: new Secret('theirs'), provider: 'openai' };
  assert.equal((await vault.secrets.create(stranger, theirs)).name, 'KEY');
});

it('a sandbox cannot be given a secret of another team', async (t) => {
  const harness = await startVault(t);
  await storeSecret(harness, 'KEY');
  const stranger = await otherTeam(harness);
  const { sandboxes } = harness.vault;
  await assert.rejects(sandboxes.create(stranger, { name: 'box', secrets: { A: 'KEY' } }), (error) => {
    assert.ok(!String(error).includes('Did you mean'), 'names of another team show');
    return refusal('bad_request', 'secrets.A')(error);
  });
  const { sandbox } = await sandboxes.create(stranger, { name: 'box' });
  await assert.rejects(
    sandboxes.attach(stranger, sandbox.id, { envKey: 'A', secretName: 'KEY' }),
    refusal('bad_request', 'secret_name'),
  );
});

async function words(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof StandinError) return error.message;
    throw error;
  }
  return assert.fail('was found');
}
