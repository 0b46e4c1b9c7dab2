import type { Vault } from '../../vault/types.ts';
import type { HandlersOf } from '../handler.ts';
import { accessAnswer, egressAnswer, networkLogAnswer, sandboxAnswer } from '../views.ts';

type Ids =
  | 'createSandbox'
  | 'listSandboxes'
  | 'getSandbox'
  | 'deleteSandbox'
  | 'attachSecret'
  | 'detachSecret'
  | 'rotateEgressToken'
  | 'updateSandbox'
  | 'pauseSandbox'
  | 'resumeSandbox'
  | 'activateSandbox'
  | 'getSandboxNetwork'
  | 'listSandboxFiles';

export function sandboxHandlers({ sandboxes }: Vault): HandlersOf<Ids> {
  return {
    async createSandbox({ caller, body }) {
      const made = await sandboxes.create(caller, {
        name: body.name,
        driver: body.driver,
        secrets: body.secrets,
        envVars: body.env_vars,
        metadata: body.metadata,
        network: body.network,
        timeoutSeconds: body.timeout_seconds,
        autoDeleteSeconds: body.auto_delete_seconds,
        template: body.from_template,
        previewAccess: body.preview_access,
        mounts: body.mounts?.map(({ source, target, read_only: readOnly }) => ({ source, target, readOnly })),
      });
      return accessAnswer(made);
    },
    async listSandboxes({ caller, query }) {
      const { limit = Number.MAX_SAFE_INTEGER, ...filter } = query;
      return (await sandboxes.list(caller, { ...filter, limit })).map(sandboxAnswer);
    },
    async getSandbox({ caller, params }) {
      return accessAnswer(await sandboxes.get(caller, params.id));
    },
    async deleteSandbox({ caller, params }) {
      await sandboxes.remove(caller, params.id);
      return undefined;
    },
    async attachSecret({ caller, params, body }) {
      await sandboxes.attach(caller, params.id, { envKey: body.env_key, secretName: body.secret_name });
      return body;
    },
    async detachSecret({ caller, params }) {
      await sandboxes.detach(caller, params.id, params.env_key);
      return undefined;
    },
    async updateSandbox({ caller, params, body }) {
      await sandboxes.update(caller, params.id, {
        network: body.network,
        metadata: body.metadata,
        timeoutSeconds: body.timeout_seconds,
        autoDeleteSeconds: body.auto_delete_seconds,
        previewAccess: body.preview_access,
      });
      return undefined;
    },
    async pauseSandbox({ caller, params }) {
      await sandboxes.pause(caller, params.id);
      return undefined;
    },
    async resumeSandbox({ caller, params }) {
      const { id, status, access_token: accessToken } = accessAnswer(await sandboxes.resume(caller, params.id));
      return { id, status, access_token: accessToken };
    },
    async activateSandbox({ caller, params }) {
      return accessAnswer(await sandboxes.activate(caller, params.id));
    },
    async getSandboxNetwork({ caller, params, query }) {
      const { limit, before, since, verdict } = query;
      const from = since === undefined ? undefined : new Date(since);
      return networkLogAnswer(await sandboxes.networkLog(caller, params.id, { limit, before, since: from, verdict }));
    },
    async listSandboxFiles({ caller, params, query }) {
      const entries = await sandboxes.listFiles(caller, params.id, query.path);
      return {
        entries: entries.map(({ name, isDirectory, size, modified }) => ({
          name,
          is_dir: isDirectory,
          size,
          modified_unix: modified,
        })),
      };
    },
    async rotateEgressToken({ caller, params }) {
      return egressAnswer(await sandboxes.rotateEgressToken(caller, params.id));
    },
  };
}
