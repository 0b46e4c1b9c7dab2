import { createHmac } from 'node:crypto';
import { encodeFields } from './fields.ts';
import { sameHash } from './hash.ts';
import { exposeSecret } from './secret.ts';
import type { Secret } from './secret.ts';

/** The sandbox that a token opens, and how often its token was rotated. */
export interface AccessTokenSubject {
  sandboxId: string;
  generation: number;
}

/**
 * A sandbox's access token: HMAC-SHA256 over the sandbox and the generation of its token, base64url (43 characters). It
 * is derived, so that `GET` can show it without it being stored; a rotation raises the generation and ends the old one.
 */
export function accessToken(tokenKey: Secret, { sandboxId, generation }: AccessTokenSubject): string {
  return createHmac('sha256', exposeSecret(tokenKey))
    .update(encodeFields(['access-token', sandboxId, String(generation)]))
    .digest('base64url');
}

/** How many rotations back a token is still known for one that was right once. */
const remembered = 64;

/** Whether `token` was right before one of the newest rotations. It opens nothing: who has it is no guesser. */
export function wasAccessToken(
  tokenKey: Secret,
  token: string,
  { sandboxId, generation }: AccessTokenSubject,
): boolean {
  const oldest = Math.max(1, generation - remembered);
  for (let each = generation - 1; each >= oldest; each--) {
    if (sameHash(token, accessToken(tokenKey, { sandboxId, generation: each }))) return true;
  }
  return false;
}

/** Whether `token` is the current one of the subject; in constant time. */
export function verifyAccessToken(tokenKey: Secret, token: string, subject: AccessTokenSubject): boolean {
  return sameHash(token, accessToken(tokenKey, subject));
}
