import type { ForeignStandIn } from '../audit-rows.ts';
import type { Swap } from './inject-slots.ts';
import { carriedStandIns, judgeCredentials, scanTrailers } from './inject.ts';
import type { CredentialRefusal } from './inject.ts';
import type { EgressContext } from './context.ts';
import type { BindingSnapshot } from './ports.ts';
import type { SandboxEntry } from './registry.ts';
import { refusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import type { RequestSource } from './request-source.ts';
import { resolveRequest } from './target.ts';
import type { Destination, Refused, Target } from './target.ts';
import type { UpstreamTarget } from './upstream.ts';
import type { RequestHead } from './wire/head.ts';

/** A sandbox's rules, held or not. */
type JudgedBy = Pick<SandboxEntry, 'snapshot' | 'rules'>;

/** What steps 1 to 4 of the contract's "Egress" say of a request. */
export type Judged = GoAhead | RefusedRequest;

export interface GoAhead {
  kind: 'go';
  target: Target;
  /** None: it goes on without a credential. */
  swaps: readonly Swap[];
}

export interface RefusedRequest {
  kind: 'refuse';
  refused: Refusal;
  /** Null where the request does not say where it wants to go. */
  target: Target | null;
  /** The host was not allowed: by this rule, or by none. */
  blockedBy?: string | null;
  /** This sandbox's own bindings whose stand-ins were carried. */
  bindings: readonly BindingSnapshot[];
  /** Stand-ins found where they must not be, its own and those of others. */
  foreign: readonly ForeignStandIn[];
}

/** Judges a request whole: where to, whether, and which stand-ins in which slots. Pure. */
export function judgeRequest(
  entry: JudgedBy,
  request: { head: RequestHead; trailers: Buffer | null; destination: Destination | null; misdirected: Refused | null },
): Judged {
  const resolved = request.misdirected ?? resolveRequest(request.destination, request.head);
  if (entry.snapshot.deleted === true) {
    return refuse(entry, request.head, { target: 'refused' in resolved ? null : resolved, refused: sandboxGone() });
  }
  if ('refused' in resolved) return refuse(entry, request.head, { target: null, refused: resolved.refused });
  const { verdict, rule } = entry.rules.network.judgeHost(resolved.host);
  if (verdict === 'deny') {
    const refused = hostDenied(resolved.host);
    return { ...refuse(entry, request.head, { target: resolved, refused }), blockedBy: rule };
  }
  const judged = judgeCredentials(entry.rules, { head: request.head, target: resolved });
  if (judged.kind === 'refuse') return { ...judged, target: resolved };
  const stray = judgeTrailers(entry, request.trailers, resolved.host);
  if (stray !== null) return { ...stray, target: resolved };
  return { kind: 'go', target: resolved, swaps: judged.kind === 'pass' ? none : judged.swaps };
}

const none: readonly Swap[] = [];

function refuse(
  entry: JudgedBy,
  head: RequestHead,
  { target, refused }: { target: Target | null; refused: Refusal },
): RefusedRequest {
  return { kind: 'refuse', refused, target, ...carriedStandIns(entry.rules, head, target) };
}

/** No rule has a slot in trailers: a stand-in there refuses the request. */
export function judgeTrailers(entry: JudgedBy, trailers: Buffer | null, host: string): CredentialRefusal | null {
  return trailers === null ? null : scanTrailers(entry.rules, { trailers, host });
}

export function sandboxGone(): Refusal {
  return refusal('sandbox_revoked', 'this sandbox has been deleted');
}

export function hostDenied(host: string): Refusal {
  return refusal('host_denied', `${host} is not allowed by this sandbox's network rules`);
}

/** The rule by which a host is not allowed, at this address where it is known; null: it is allowed. */
export function deniedBy(entry: SandboxEntry, host: string, address: string | null): { rule: string | null } | null {
  const { network } = entry.rules;
  const asked = network.judgeHost(host);
  const verdict = asked.verdict === 'ask-address' && address !== null ? network.judgeAddress(address) : asked;
  return verdict.verdict === 'deny' ? { rule: verdict.rule } : null;
}

/** Whether a connection to this host, with nothing under way on it, is still of use. */
export async function isOfUse(
  { registry }: EgressContext,
  sandboxId: string | null,
  destination: Destination | null,
): Promise<boolean> {
  if (sandboxId === null || destination === null) return true;
  try {
    const entry = await registry.load(sandboxId);
    // One of a sandbox that was deleted stays, to say so.
    return entry === null || entry.snapshot.deleted === true || deniedBy(entry, destination.host, null) === null;
  } catch {
    // Nobody can tell; its next request is judged.
    return true;
  }
}

/** Where an allowed request is sent, and which addresses that name may turn out to have. */
export function upstreamTargetOf(
  entry: SandboxEntry,
  target: Target,
  options: { guard: (address: string) => boolean; prefers: UpstreamTarget['prefers'] },
): UpstreamTarget {
  const { network } = entry.rules;
  const asked = network.judgeHost(target.host);
  return {
    key: `${entry.snapshot.id}|${target.scheme}|${target.host}|${target.port}|${options.prefers}`,
    sandboxId: entry.snapshot.id,
    host: target.host,
    port: target.port,
    tls: target.scheme === 'https',
    prefers: options.prefers,
    judgeAddress: (address) => {
      const verdict = asked.verdict === 'ask-address' ? network.judgeAddress(address) : asked;
      if (verdict.verdict === 'deny') {
        return refusal('host_denied', `${target.host} is at an address that this sandbox's rules deny`);
      }
      if (options.guard(address)) return null;
      return refusal('host_denied', `${target.host} is at an address that is not public (${address})`);
    },
  };
}

/** Where a request goes. The connection remembers it, since the next one mostly goes there too. */
export function routeOf(
  { shared, context, passesBytes }: RequestSource,
  entry: SandboxEntry,
  target: Target,
): UpstreamTarget {
  const { route } = shared;
  const known = route?.target;
  if (
    route?.entry === entry &&
    known?.host === target.host &&
    known.port === target.port &&
    known.tls === (target.scheme === 'https')
  )
    return known;
  const fresh = upstreamTargetOf(entry, target, { guard: context.guard, prefers: passesBytes ? 'http/1.1' : 'h2' });
  shared.route = { entry, target: fresh };
  return fresh;
}
