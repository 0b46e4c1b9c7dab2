import { Secret } from '../../crypto/secret.ts';
import type { Vault } from '../../vault/types.ts';
import type { HandlersOf } from '../handler.ts';
import { auditAnswer, bindingAnswer, providerAnswer, secretAnswer } from '../views.ts';

type Ids =
  | 'createSecret'
  | 'getSecret'
  | 'rotateSecret'
  | 'deleteSecret'
  | 'getSecretAudit'
  | 'getSecretSandboxes'
  | 'listProviders';

export function secretHandlers({ secrets, providers }: Vault): HandlersOf<Ids> {
  return {
    async createSecret({ caller, body: { value, on_tripwire: onTripwire, ...rest } }) {
      return secretAnswer(await secrets.create(caller, { ...rest, onTripwire, value: new Secret(value) }));
    },
    async getSecret({ caller, params }) {
      return secretAnswer(await secrets.get(caller, params.name));
    },
    async rotateSecret({ caller, params, body }) {
      const { value, on_tripwire: onTripwire } = body;
      let view = onTripwire === undefined ? null : await secrets.setOnTripwire(caller, params.name, onTripwire);
      if (value !== undefined) view = await secrets.rotate(caller, params.name, new Secret(value));
      return secretAnswer(view ?? (await secrets.get(caller, params.name)));
    },
    async deleteSecret({ caller, params }) {
      await secrets.remove(caller, params.name);
      return undefined;
    },
    async getSecretAudit({ caller, params, query }) {
      return (await secrets.audit(caller, params.name, query)).map(auditAnswer);
    },
    async getSecretSandboxes({ caller, params }) {
      return (await secrets.bindings(caller, params.name)).map(bindingAnswer);
    },
    async listProviders() {
      return providers().map(providerAnswer);
    },
  };
}
