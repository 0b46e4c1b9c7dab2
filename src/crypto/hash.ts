import { createHash, timingSafeEqual } from 'node:crypto';

/** SHA-256 of a token, hex: what is kept of tokens that are only ever compared. They are random, so no salt is needed. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex');
}

/** Compares two hashes (or tokens) in a time that tells nothing but whether their lengths differ. */
export function sameHash(a: string, b: string): boolean {
  const left = Buffer.from(a, 'utf8');
  const right = Buffer.from(b, 'utf8');
  return left.length === right.length && timingSafeEqual(left, right);
}
