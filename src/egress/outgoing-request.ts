import { Buffer } from 'node:buffer';
import { exposeSecret } from '../crypto/secret.ts';
import type { Secret } from '../crypto/secret.ts';
import type { Admission } from './admission.ts';
import { buildRequestFields, buildRequestHead } from './inject-head.ts';
import { hostOf } from './target.ts';
import type { Refused, Target } from './target.ts';
import type { UpstreamLink } from './upstream-link.ts';
import type { RequestHead } from './wire/head.ts';

/**
 * Sends the request's head with the real values, and what is at hand of its content. Whether the link takes more at once;
 * or a refusal; or `wiped`: a value was revoked, rotated or out of time before it could be used.
 */
export function sendRequest(
  link: UpstreamLink,
  { head, admission, target }: { head: RequestHead; admission: Pick<Admission, 'swaps' | 'scrub'>; target: Target },
  content: { values: readonly Secret[]; body: Buffer | undefined },
): boolean | Refused | 'wiped' {
  let values: Buffer[];
  try {
    values = content.values.map((secret) => exposeSecret(secret));
  } catch {
    return 'wiped';
  }
  const { body } = content;
  const authority = head.host ?? hostOf(target);
  const { swaps, scrub } = admission;
  const outgoing = { path: target.path, authority, swaps, values, narrowed: scrub !== null, body };
  if (link.takes === 'bytes') {
    const bytes = buildRequestHead(head, outgoing);
    return Buffer.isBuffer(bytes) ? link.write(bytes) : bytes;
  }
  const fields = buildRequestFields(head, outgoing, { scheme: target.scheme, authority });
  if ('refused' in fields) return fields;
  link.open(head, fields);
  return body === undefined || link.write(body);
}
