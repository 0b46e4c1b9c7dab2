import { randomBytes, randomUUID } from 'node:crypto';
import { accessToken, verifyAccessToken, wasAccessToken } from '../crypto/access-token.ts';
import { hashToken } from '../crypto/hash.ts';
import { badField, StandinError } from '../errors.ts';
import type { BindingRecord, SandboxRecord, SecretRecord } from '../store/store.ts';
import { findSecret, makeBinding } from './bind.ts';
import type { VaultDeps } from './deps.ts';
import { egressView, ownEnvironment } from './environment.ts';
import { requireExec } from './exec-input.ts';
import type { Fleet } from './fleet.ts';
import { refuseTunnelledSecrets } from './network-rules.ts';
import { dueAt } from './lifecycle.ts';
import type { Lifecycle } from './lifecycle.ts';
import { readNetworkLog } from './network-log.ts';
import { planSandbox } from './plan-sandbox.ts';
import { bindingLimit } from './sandbox-input.ts';
import { isUuid, notFound, requireEnvKey } from './text.ts';
import type { Caller, EgressView, SandboxService, SandboxView, SandboxWithAccess } from './types.ts';

interface Bound {
  binding: BindingRecord;
  secret: SecretRecord;
}

export function createSandboxes(deps: VaultDeps, fleet: Fleet, lifecycle: Lifecycle): SandboxService {
  const { store, tokenKey, network, changed, now } = deps;

  async function find({ teamId }: Caller, id: string): Promise<SandboxRecord> {
    const sandbox = isUuid(id) ? await store.sandboxes.byId(id) : null;
    if (sandbox === null || sandbox.teamId !== teamId) throw notFound('sandbox');
    return sandbox;
  }

  async function authorized(id: string, token: string): Promise<SandboxRecord> {
    const sandbox = isUuid(id) ? await store.sandboxes.byId(id) : null;
    const subject = { sandboxId: sandbox?.id ?? id, generation: sandbox?.accessGeneration ?? 0 };
    if (verifyAccessToken(tokenKey, token, subject) && sandbox !== null) return sandbox;
    throw wrongToken();
  }

  function egress({ id, envVars }: SandboxRecord, bound: readonly Bound[], token: string | null): EgressView {
    const own = ownEnvironment(
      envVars,
      bound.map(({ binding }) => binding),
    );
    return egressView(network, { sandboxId: id, token }, own);
  }

  function withAccess(sandbox: SandboxRecord, bound: readonly Bound[], token: string | null): SandboxWithAccess {
    return {
      sandbox: view(sandbox, bound),
      accessToken: accessToken(tokenKey, { sandboxId: sandbox.id, generation: sandbox.accessGeneration }),
      egress: egress(sandbox, bound, token),
    };
  }

  async function again(sandbox: SandboxRecord): Promise<SandboxWithAccess> {
    return withAccess(sandbox, await store.bindings.bySandbox(sandbox.id), null);
  }

  /** Before anything is started; the store decides. */
  async function requireRoom({ teamId }: Caller): Promise<void> {
    if (deps.maxSandboxes === 0) return;
    const { maxSandboxes: limit } = deps;
    if ((await store.sandboxes.list(teamId, { limit, offset: 0 })).length >= limit) throw tooMany();
  }

  function tooMany(): StandinError {
    const message = `this team may have ${deps.maxSandboxes} sandboxes at once: delete one, or have STANDIN_MAX_SANDBOXES raised`;
    return new StandinError('too_many_sandboxes', message, { retryAfter: 60 });
  }

  async function bindAll(sandbox: SandboxRecord, secrets: Record<string, string>): Promise<Bound[]> {
    const bound: Bound[] = [];
    for (const [envKey, name] of Object.entries(secrets)) {
      const secret = await findSecret(deps, sandbox.teamId, { name, field: `secrets.${envKey}` });
      bound.push({ secret, binding: await makeBinding(deps, secret, { sandboxId: sandbox.id, envKey }) });
    }
    return bound;
  }

  return {
    async create(caller, input) {
      await requireRoom(caller);
      const token = proxyToken();
      const { mounts, tree, ...plan } = planSandbox(deps, caller, input);
      const sandbox: SandboxRecord = {
        ...plan,
        id: randomUUID(),
        teamId: caller.teamId,
        status: 'active',
        proxyTokenHash: hashToken(token),
        accessGeneration: 1,
        createdAt: now(),
        deletedAt: null,
        server: deps.drivers.get(plan.driver)?.runs === true ? deps.server : null,
        activeSince: now(),
        pausedAt: null,
      };
      const bound = await bindAll(sandbox, input.secrets ?? {});
      refuseTunnelledSecrets(
        sandbox.network,
        bound.map(({ secret }) => secret),
      );
      const { caPem, caBundlePem } = network;
      const { id, name } = sandbox;
      await fleet.start(sandbox.driver, { id, name, caPem, caBundlePem, mounts, limits: deps.limits, template: tree });
      try {
        const inserted = await store.sandboxes.insert(
          sandbox,
          bound.map(({ binding }) => binding),
          deps.maxSandboxes === 0 ? undefined : deps.maxSandboxes,
        );
        if (inserted === 'full') throw tooMany();
        // A worker may have asked for it already, by the listeners of its network, and found nothing.
        await changed([id]);
      } catch (error) {
        await fleet.end(id);
        await store.sandboxes.remove(id, now());
        throw error;
      }
      deps.scheduled();
      return withAccess(sandbox, bound, token);
    },

    async list({ teamId }, { status, metadata, limit, offset }) {
      const sandboxes = await store.sandboxes.list(teamId, {
        limit,
        offset,
        ...(status === undefined ? {} : { status }),
        ...(metadata === undefined ? {} : { metadata }),
      });
      const bound = await store.bindings.bySandboxes(sandboxes.map(({ id }) => id));
      return sandboxes.map((sandbox) => view(sandbox, bound.get(sandbox.id) ?? []));
    },

    async get(caller, id) {
      const sandbox = await find(caller, id);
      return again(sandbox);
    },

    async remove(caller, id) {
      await lifecycle.remove(await find(caller, id));
    },

    async attach(caller, id, { envKey, secretName }) {
      requireEnvKey('env_key', envKey);
      const sandbox = await find(caller, id);
      const secret = await findSecret(deps, caller.teamId, { name: secretName, field: 'secret_name' });
      refuseTunnelledSecrets(sandbox.network, [secret], 'secret_name');
      const bound = await store.bindings.bySandbox(sandbox.id);
      if (bound.length >= bindingLimit) throw badField('env_key', `a sandbox takes ${bindingLimit} secrets at most`);
      const binding = await makeBinding(deps, secret, { sandboxId: sandbox.id, envKey });
      if (Object.hasOwn(sandbox.envVars, envKey) || (await store.bindings.insert(binding)) === 'conflict') {
        throw new StandinError('conflict', `env_key: the sandbox has ${envKey} already`, { field: 'env_key' });
      }
      await changed([sandbox.id]);
    },

    async detach(caller, id, envKey) {
      const sandbox = await find(caller, id);
      if (!(await store.bindings.detach(sandbox.id, envKey, now()))) throw notFound('binding');
      await changed([sandbox.id]);
    },

    async rotateEgressToken(caller, id) {
      const sandbox = await find(caller, id);
      const token = proxyToken();
      const rotated = await store.sandboxes.update(sandbox.id, { proxyTokenHash: hashToken(token) });
      if (rotated === null) throw notFound('sandbox');
      await changed([sandbox.id]);
      return egress(rotated, await store.bindings.bySandbox(sandbox.id), token);
    },

    async pause(caller, id) {
      await lifecycle.pause(await find(caller, id));
    },

    async resume(caller, id) {
      return again(await lifecycle.resume(await find(caller, id)));
    },

    async activate(caller, id) {
      return again(await lifecycle.activate(await find(caller, id)));
    },

    async update(caller, id, change) {
      await lifecycle.update(await find(caller, id), change);
    },

    async networkLog(caller, id, query) {
      return readNetworkLog(store, (await find(caller, id)).id, query);
    },

    async listFiles(caller, id, path) {
      return await fleet.require(await find(caller, id)).files.list(path);
    },

    async authorize(sandboxId, token) {
      const sandbox = isUuid(sandboxId) ? await store.sandboxes.byId(sandboxId) : null;
      const subject = { sandboxId: sandbox?.id ?? sandboxId, generation: sandbox?.accessGeneration ?? 0 };
      // Verified also where there is no sandbox, so that the time taken does not tell which ids exist.
      if (verifyAccessToken(tokenKey, token, subject) && sandbox !== null) return 'current';
      if (wasAccessToken(tokenKey, token, subject)) return 'stale';
      throw wrongToken();
    },

    async exec(sandboxId, token, request) {
      const sandbox = await authorized(sandboxId, token);
      const running = fleet.require(sandbox);
      const asked = requireExec(request);
      const bound = await store.bindings.bySandbox(sandbox.id);
      const own = ownEnvironment(
        sandbox.envVars,
        bound.map(({ binding }) => binding),
      );
      return await running.exec({ ...asked, env: { ...running.baseEnv, ...own, ...asked.env } });
    },

    async files(sandboxId, token) {
      return fleet.require(await authorized(sandboxId, token)).files;
    },
  };
}

function wrongToken(): StandinError {
  return new StandinError('unauthorized', 'X-Access-Token: not the token of this sandbox, or a stale one');
}

/** 256 bits, in characters that need no escape in a URL. */
function proxyToken(): string {
  return randomBytes(32).toString('base64url');
}

function view(sandbox: SandboxRecord, bound: readonly Bound[]): SandboxView {
  const { id, name, status, driver, vcpuCount, memoryMib, createdAt, timeoutSeconds, autoDeleteSeconds } = sandbox;
  return {
    id,
    name,
    status,
    driver,
    vcpuCount,
    memoryMib,
    createdAt,
    timeoutSeconds,
    autoDeleteSeconds,
    network: Object.keys(sandbox.network).length === 0 ? null : sandbox.network,
    metadata: sandbox.metadata,
    autoDeleteAt: status === 'paused' ? dueAt(sandbox) : null,
    previewAccess: sandbox.previewAccess,
    secrets: bound.map(({ binding, secret }) => ({
      envKey: binding.envKey,
      secretName: secret.name,
      revoked: secret.deletedAt !== null,
    })),
  };
}
