import { randomUUID } from 'node:crypto';
import { badField, StandinError } from '../errors.ts';
import type { SecretRecord } from '../store/store.ts';
import { auditView } from './audit.ts';
import type { VaultDeps } from './deps.ts';
import { resolveProvider } from './providers/catalogue.ts';
import { resolveAuth } from './rules.ts';
import type { ResolvedAuth } from './rules.ts';
import { storedAuth } from './stored-auth.ts';
import { notFound } from './text.ts';
import type { Caller, CreateSecretInput, SecretService, SecretView } from './types.ts';
import { requireValue } from './value.ts';
import { sealValue } from './values.ts';

/** Two callers who rotate at once are both served, one after the other; this many at once are not. */
const rotateAttempts = 5;

export function createSecrets({ store, envelope, changed, now }: VaultDeps): SecretService {
  async function find({ teamId }: Caller, name: string): Promise<SecretRecord> {
    const secret = await store.secrets.byName(teamId, name);
    if (secret === null || secret.teamId !== teamId) throw notFound('secret');
    return secret;
  }

  async function tellSandboxes(secretId: string): Promise<void> {
    const bound = await store.bindings.bySecret(secretId);
    if (bound.length > 0) await changed([...new Set(bound.map(({ sandbox }) => sandbox.id))]);
  }

  return {
    async create({ teamId }, input) {
      requireName(input.name);
      requireValue(input.value);
      const auth = resolve(input);
      const at = now();
      const secret: SecretRecord = {
        id: randomUUID(),
        teamId,
        name: input.name,
        ...auth,
        providerShortcut: input.provider ?? null,
        onTripwire: input.onTripwire ?? 'alert',
        version: 1,
        createdAt: at,
        updatedAt: at,
        lastUsedAt: null,
        deletedAt: null,
      };
      const sealed = await sealValue(envelope, input.value, secret);
      if ((await store.secrets.insert(secret, sealed)) === 'conflict') {
        const advice = 'rotate or delete it, or choose another name';
        throw new StandinError('conflict', `name: a secret "${input.name}" exists; ${advice}`, { field: 'name' });
      }
      return secretView(secret);
    },

    async list({ teamId }) {
      return (await store.secrets.list(teamId)).map(secretView);
    },

    async get(caller, name) {
      return secretView(await find(caller, name));
    },

    async rotate(caller, name, value) {
      requireValue(value);
      for (let attempt = 0; attempt < rotateAttempts; attempt++) {
        const secret = await find(caller, name);
        const version = secret.version + 1;
        const sealed = await sealValue(envelope, value, { ...secret, version });
        const rotated = await store.secrets.rotate(secret.id, version, sealed, now());
        if (rotated === null) continue;
        await tellSandboxes(secret.id);
        return secretView(rotated);
      }
      throw new StandinError('conflict', 'the secret is being rotated by others at the same time; try again');
    },

    async setOnTripwire(caller, name, onTripwire) {
      const secret = await find(caller, name);
      const updated = await store.secrets.setOnTripwire(secret.id, onTripwire, now());
      if (updated === null) throw notFound('secret');
      return secretView(updated);
    },

    async remove(caller, name) {
      const secret = await find(caller, name);
      if (!(await store.secrets.remove(secret.id, now()))) throw notFound('secret');
      await tellSandboxes(secret.id);
    },

    async audit(caller, name, { limit, before, status, kind = 'request' }) {
      const secret = await find(caller, name);
      if (!Number.isInteger(limit) || limit < 1 || limit > 200)
        throw badField('limit', 'must be a whole number from 1 to 200');
      const events = await store.events.bySecret(secret.id, {
        limit,
        kinds: kind === 'all' ? ['request', 'tripwire'] : [kind],
        ...(before === undefined ? {} : { before }),
        ...(status === undefined ? {} : { status }),
      });
      return events.map(auditView);
    },

    async bindings(caller, name) {
      const secret = await find(caller, name);
      return (await store.bindings.bySecret(secret.id)).map(({ binding, sandbox }) => ({
        sandboxId: sandbox.id,
        sandboxName: sandbox.name,
        envKey: binding.envKey,
        status: sandbox.status,
      }));
    },
  };
}

function requireName(name: string): void {
  if (name.length > 128 || !/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) {
    throw badField('name', 'must be 1 to 128 letters, digits, _ or -, and start with a letter or _');
  }
}

function resolve({ provider, auth, hosts }: CreateSecretInput): ResolvedAuth {
  if (provider !== undefined) {
    if (auth !== undefined) throw badField('auth', 'is settled by provider; give one or the other');
    if (hosts !== undefined) throw badField('hosts', 'are settled by provider; give auth and hosts instead of it');
    return resolveProvider(provider);
  }
  if (auth === undefined) throw badField('provider', 'give a provider from the catalogue, or auth and hosts');
  if (hosts === undefined) throw badField('hosts', 'required with auth: the hosts that the value may be sent to');
  return resolveAuth(auth, hosts);
}

export function secretView(secret: SecretRecord): SecretView {
  const { id, name, hosts, providerShortcut, onTripwire, createdAt, updatedAt, lastUsedAt } = secret;
  return { id, name, ...storedAuth(secret), hosts, providerShortcut, onTripwire, createdAt, updatedAt, lastUsedAt };
}
