import type { Vault } from '../../vault/types.ts';
import type { HandlersOf } from '../handler.ts';
import { webhookAnswer } from '../views.ts';

type Ids = 'createWebhook' | 'listWebhooks' | 'deleteWebhook' | 'testWebhook';

export function webhookHandlers({ webhooks }: Vault): HandlersOf<Ids> {
  return {
    async createWebhook({ caller, body }) {
      const { view, secret } = await webhooks.create(caller, body);
      return { ...webhookAnswer(view), secret };
    },
    async listWebhooks({ caller }) {
      return (await webhooks.list(caller)).map(webhookAnswer);
    },
    async deleteWebhook({ caller, params }) {
      await webhooks.remove(caller, params.id);
      return undefined;
    },
    async testWebhook({ caller, params }) {
      return { delivery_id: (await webhooks.test(caller, params.id)).deliveryId };
    },
  };
}
