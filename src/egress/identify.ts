import { hash, timingSafeEqual } from 'node:crypto';
import { parseAuthority } from '../net/hostname.ts';
import type { Place } from './connection-rows.ts';
import type { EgressContext } from './context.ts';
import { recordConnection } from './recorder.ts';
import type { SandboxEntry } from './registry.ts';
import { refusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import { sandboxGone } from './request-judge.ts';
import { resolveRequest } from './target.ts';
import type { RequestHead } from './wire/head.ts';
import { knownHeader } from './wire/known-headers.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Ours are 80 characters. What failed is remembered for each claimed id, which so must not be as long as a head. */
const basicCredentials = /^basic +([A-Za-z0-9+/]{1,1000}={0,2})$/i;
const nowhere: Place = { host: '', port: 0 };

/** What somebody says who they are. */
export interface Claim {
  id: string;
  token: string;
  remoteAddress: string;
  /** What they ask for, as far as it is known. */
  place: () => Place;
}

/**
 * Step 1 of the contract's "Egress": who sends this request. `from.caller`: the sandbox whose listener it came in by; null:
 * the one whose token `Proxy-Authorization` carries. Calls back with its rules or a refusal, at once where they are held.
 * A deleted sandbox is still known by its token: whoever asks further refuses it.
 */
export function identify(
  context: EgressContext,
  { head, from }: { head: RequestHead; from: { readonly remoteAddress: string; readonly caller: string | null } },
  then: (found: SandboxEntry | Refusal) => void,
): void {
  const { caller } = from;
  if (caller !== null) {
    ownSandbox(context, caller, then);
    return;
  }
  const credentials = proxyCredentials(head);
  if (credentials === null) then(credentialsWanted());
  else authenticate(context, { ...credentials, remoteAddress: from.remoteAddress, place: () => placeOf(head) }, then);
}

/** The sandbox whose listener a connection came in by. */
export function ownSandbox(
  context: EgressContext,
  sandboxId: string,
  then: (found: SandboxEntry | Refusal) => void,
): void {
  find(context, sandboxId, (entry) => then(entry ?? sandboxGone()));
}

/**
 * The sandbox of this id and proxy token, or the refusal. Wrong ones are limited for each address and claimed id, and the
 * first of them and the one that reached the limit have a row: who has no token cannot fill the trail.
 */
export function authenticate(
  context: EgressContext,
  claim: Claim,
  then: (found: SandboxEntry | Refusal) => void,
): void {
  const { failures } = context;
  const key = `${claim.remoteAddress}|${claim.id}`;
  const proof = hash('sha256', claim.token, 'buffer');
  const isHeldBack = () => failures.blocked(key, Date.now()) && !failures.isProven(key, proof);
  if (isHeldBack()) {
    then(heldBack());
    return;
  }
  if (!uuid.test(claim.id)) {
    failures.fail(key, Date.now());
    then(credentialsWanted());
    return;
  }
  find(context, claim.id, (entry) => {
    if (entry !== null && 'code' in entry) {
      then(entry);
      return;
    }
    // Again: many at once may have waited for the same rules, and are judged no faster than one by one.
    if (isHeldBack()) {
      then(heldBack());
      return;
    }
    if (entry !== null && isToken(proof, entry)) {
      failures.prove(key, proof);
      then(entry);
      return;
    }
    failures.disprove(key, proof);
    const nth = failures.fail(key, Date.now());
    if (entry !== null && nth !== 'another') {
      const { host, port } = claim.place();
      const matchRule = nth === 'first' ? 'proxy_auth_required' : 'rate_limited';
      recordConnection(context, entry.snapshot, { host, dstIp: null, dstPort: port, verdict: 'blocked', matchRule });
    }
    then(credentialsWanted());
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

function isToken(given: Buffer, entry: SandboxEntry): boolean {
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

function placeOf(head: RequestHead): Place {
  if (head.targetForm === 'authority') return parseAuthority(head.target, 443) ?? nowhere;
  const target = resolveRequest(null, head);
  return 'refused' in target ? nowhere : target;
}

function credentialsWanted(): Refusal {
  return refusal('proxy_auth_required', 'Proxy-Authorization: Basic with the sandbox id and its proxy token is needed');
}

function heldBack(): Refusal {
  return refusal('rate_limited', 'too many wrong proxy credentials; wait ten seconds', { retryAfter: 10 });
}
