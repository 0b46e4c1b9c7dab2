import { createHmac } from 'node:crypto';
import { encodeFields } from './fields.ts';
import { sameHash } from './hash.ts';
import { exposeSecret } from './secret.ts';
import type { Secret } from './secret.ts';

/** What a preview token opens. */
export interface PreviewTokenSubject {
  sandboxId: string;
  port: number;
  /** Of the port's tokens: another with each rotation. */
  version: number;
}

/**
 * A token for one port of one sandbox: `<end>.<HMAC-SHA256>`, base64url, the end in seconds since the epoch, 0 where it has
 * none. Derived, so that nothing is stored; raising the version ends every older one.
 */
export function previewToken(tokenKey: Secret, subject: PreviewTokenSubject, expiresAt: Date | null): string {
  const end = expiresAt === null ? 0 : Math.floor(expiresAt.getTime() / 1000);
  return `${end}.${sign(tokenKey, subject, end)}`;
}

/** When a token ends (null: not by itself), or false where it is none of the subject's or has ended. In constant time. */
export function verifyPreviewToken(
  tokenKey: Secret,
  token: string,
  { subject, now }: { subject: PreviewTokenSubject; now: Date },
): { expiresAt: Date | null } | false {
  const [, digits = '0', signature = ''] = /^(0|[1-9]\d{0,11})\.([\w-]{43})$/.exec(token) ?? [];
  const end = Number(digits);
  if (!sameHash(signature, sign(tokenKey, subject, end))) return false;
  if (end === 0) return { expiresAt: null };
  return end * 1000 > now.getTime() && { expiresAt: new Date(end * 1000) };
}

function sign(tokenKey: Secret, { sandboxId, port, version }: PreviewTokenSubject, end: number): string {
  return createHmac('sha256', exposeSecret(tokenKey))
    .update(encodeFields(['preview-token', sandboxId, String(port), String(version), String(end)]))
    .digest('base64url');
}
