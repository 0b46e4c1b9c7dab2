import { createHash, timingSafeEqual } from 'node:crypto';
import type { EgressContext } from './context.ts';
import type { SandboxEntry } from './registry.ts';
import { refusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import { sandboxGone } from './request-judge.ts';
import type { RequestHead } from './wire/head.ts';
import { knownHeader } from './wire/known-headers.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Ours are 80 characters. What failed is remembered for each claimed id, which so must not be as long as a head. */
const basicCredentials = /^basic +([A-Za-z0-9+/]{1,1000}={0,2})$/i;

/**
 * Step 1 of the contract's "Egress": who sends this request. `sandboxId`: the sandbox whose listener it came in by; null:
 * the one whose token `Proxy-Authorization` carries. Calls back with its rules or a refusal, at once where they are held.
 * A deleted sandbox is still known by its token: whoever asks further refuses it.
 */
export function identify(
  context: EgressContext,
  request: { head: RequestHead; remoteAddress: string; sandboxId: string | null },
  then: (found: SandboxEntry | Refusal) => void,
): void {
  if (request.sandboxId !== null) {
    find(context, request.sandboxId, (entry) => then(entry ?? sandboxGone()));
    return;
  }
  const credentials = proxyCredentials(request.head);
  if (credentials === null) {
    then(credentialsWanted());
    return;
  }
  const now = Date.now();
  const key = `${request.remoteAddress}|${credentials.id}`;
  if (context.failures.blocked(key, now)) {
    then(refusal('rate_limited', 'too many wrong proxy credentials; wait ten seconds'));
    return;
  }
  const fail = () => {
    context.failures.fail(key, now);
    then(credentialsWanted());
  };
  if (!uuid.test(credentials.id)) {
    fail();
    return;
  }
  find(context, credentials.id, (entry) => {
    if (entry === null || ('snapshot' in entry && !isToken(credentials.token, entry))) fail();
    else then(entry);
  });
}

function find(context: EgressContext, id: string, then: (entry: SandboxEntry | Refusal | null) => void): void {
  const held = context.registry.get(id);
  if (held !== undefined) {
    then(held);
    return;
  }
  context.registry.load(id).then(then, () => then(refusal('vault_unavailable', 'the control plane does not answer')));
}

function isToken(token: string, entry: SandboxEntry): boolean {
  const given = createHash('sha256').update(token).digest();
  const wanted = Buffer.from(entry.snapshot.proxyTokenHash, 'hex');
  return wanted.length === given.length && timingSafeEqual(wanted, given);
}

function proxyCredentials(head: RequestHead): { id: string; token: string } | null {
  const line = head.lines.kinds.indexOf(knownHeader.proxyAuthorization);
  const [, encoded] = line === -1 ? [] : (basicCredentials.exec(head.lines.value(line)) ?? []);
  if (encoded === undefined) return null;
  const decoded = Buffer.from(encoded, 'base64').toString('latin1');
  const colon = decoded.indexOf(':');
  return colon === -1 ? null : { id: decoded.slice(0, colon), token: decoded.slice(colon + 1) };
}

function credentialsWanted(): Refusal {
  return refusal('proxy_auth_required', 'Proxy-Authorization: Basic with the sandbox id and its proxy token is needed');
}
