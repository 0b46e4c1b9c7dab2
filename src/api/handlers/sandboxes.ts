import type { Vault } from '../../vault/types.ts';
import type { HandlersOf } from '../handler.ts';
import { accessAnswer, egressAnswer, sandboxAnswer } from '../views.ts';

type Ids =
  | 'createSandbox'
  | 'listSandboxes'
  | 'getSandbox'
  | 'deleteSandbox'
  | 'attachSecret'
  | 'detachSecret'
  | 'rotateEgressToken';

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
        mounts: body.mounts?.map(({ source, target, read_only: readOnly }) => ({ source, target, readOnly })),
      });
      return accessAnswer(made);
    },
    async listSandboxes({ caller, query }) {
      return (await sandboxes.list(caller, query)).map(sandboxAnswer);
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
    async rotateEgressToken({ caller, params }) {
      return egressAnswer(await sandboxes.rotateEgressToken(caller, params.id));
    },
  };
}
