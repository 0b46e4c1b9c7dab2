import type { SealContext } from '../crypto/envelope.ts';

/** What the key that signs a webhook's deliveries is sealed for. */
export function webhookKeyContext({ id, teamId }: { id: string; teamId: string }): SealContext {
  return { purpose: 'webhook-key', teamId, secretId: id, version: 1 };
}
