import type { Secret } from '../crypto/secret.ts';
import { exposeSecret } from '../crypto/secret.ts';
import type { Admission } from './admission.ts';
import { buildRequestHead } from './inject-head.ts';
import type { Refused } from './target.ts';
import type { RequestHead } from './wire/head.ts';

/**
 * The request's head with the real values, and what is at hand of its content. `wiped`: a value was revoked, rotated or
 * out of time before it could be used.
 */
export function outgoingRequest(
  head: RequestHead,
  { swaps, scrub }: Pick<Admission, 'swaps' | 'scrub'>,
  request: { path: string; values: readonly Secret[]; body: Buffer | undefined },
): Buffer | Refused | 'wiped' {
  let values: Buffer[];
  try {
    values = request.values.map((secret) => exposeSecret(secret));
  } catch {
    return 'wiped';
  }
  return buildRequestHead(head, { path: request.path, swaps, values, body: request.body, narrowed: scrub !== null });
}
