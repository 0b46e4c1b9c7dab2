import { createHmac } from 'node:crypto';
import { exposeSecret } from '../crypto/secret.ts';
import type { Secret } from '../crypto/secret.ts';

/**
 * The headers of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, base64, as version `v1`. `timestamp` is in
 * seconds since the epoch, that of the attempt.
 */
export function signedHeaders(
  key: Secret,
  { id, timestamp, body }: { id: string; timestamp: number; body: string },
): Record<string, string> {
  const signature = createHmac('sha256', exposeSecret(key)).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${signature}` };
}
