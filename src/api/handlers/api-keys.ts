import type { Vault } from '../../vault/types.ts';
import type { HandlersOf } from '../handler.ts';
import { apiKeyAnswer } from '../views.ts';

export function apiKeyHandlers({ access }: Vault): HandlersOf<'createApiKey' | 'listApiKeys' | 'revokeApiKey'> {
  return {
    async createApiKey({ caller, body }) {
      const { key, view } = await access.createKey(caller, body);
      return { ...apiKeyAnswer(view), key };
    },
    async listApiKeys({ caller }) {
      return (await access.listKeys(caller)).map(apiKeyAnswer);
    },
    async revokeApiKey({ caller, params }) {
      await access.revokeKey(caller, params.id);
      return undefined;
    },
  };
}
