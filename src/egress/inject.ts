import { coreFingerprint, findCores } from '../stand-in.ts';
import type { ForeignStandIn } from '../audit-rows.ts';
import { named, placeInHeader, placeInRequestLine, placeInTrailers } from './inject-places.ts';
import type { Places } from './inject-places.ts';
import { hiddenCores, suspectOffsets } from './inject-scan.ts';
import { matchHeaderLine, matchQuery } from './inject-slots.ts';
import type { Swap } from './inject-slots.ts';
import { foldHeaderName } from './inject-plan.ts';
import type { CompiledSandbox, Opening } from './inject-plan.ts';
import type { BindingSnapshot, Slot } from './ports.ts';
import { refusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import type { Target } from './target.ts';
import type { RequestHead } from './wire/head.ts';

export type Judgement = { kind: 'pass' } | { kind: 'inject'; swaps: readonly Swap[] } | CredentialRefusal;

export interface CredentialRefusal {
  kind: 'refuse';
  refused: Refusal;
  /** This sandbox's own bindings whose stand-ins were carried. */
  bindings: BindingSnapshot[];
  /** Stand-ins that were found where they must not be, its own and those of others: each trips the wire. */
  foreign: ForeignStandIn[];
}

/** Stand-ins of others that one request is told of: enough to tell of a leak, too few to burden the control plane. */
const mostOthers = 8;
const pass: Judgement = { kind: 'pass' };
const none: readonly Opening[] = [];

/**
 * Which stand-ins a request carries, and whether each stands in a slot of a live binding's rule for exactly this host.
 * Then they are to be swapped; a request without any passes as it is; one stand-in out of place refuses the request.
 */
export function judgeCredentials(
  sandbox: CompiledSandbox,
  { head, target }: { head: RequestHead; target: Target },
): Judgement {
  const found = findStandIns(sandbox, head, target);
  if (found === null) return pass;
  const { swaps, stray } = found;
  if (stray !== null) return refuseStray(sandbox, { places: stray, carried: swaps.map(bindingOf), host: target.host });
  if (swaps.length === 0) return pass;
  const unfit = judgeSwaps(sandbox, swaps, target);
  if (unfit !== null) return { ...refuseSwaps(swaps, unfit), foreign: swaps.map(misplacedSwap) };
  const chosen =
    swaps.length === 1
      ? swaps
      : swaps.filter((swap, index) => !swaps.slice(0, index).some((other) => isOwnedBy(other, swap)));
  for (const token of head.connectionTokens) {
    const name = foldHeaderName(token);
    if (!chosen.some(({ opening }) => opening.owned.includes(name))) continue;
    return refuseSwaps(swaps, refusal('bad_request', `Connection names ${name}, a header that carries a credential`));
  }
  return { kind: 'inject', swaps: chosen };
}

/** The stand-ins of a head: those that fill a slot at the target, and the places of all others. Null: there are none. */
function findStandIns(
  sandbox: CompiledSandbox,
  { lines }: RequestHead,
  target: Target | null,
): { swaps: Swap[]; stray: Places | null } | null {
  const suspects = suspectOffsets(lines.text);
  if (suspects.length === 0) return null;
  const openings = target === null ? none : sandbox.openings(target.host);
  let swaps: Swap[] = [];
  let stray: Places | null = null;
  let line = -2;
  for (const offset of suspects) {
    if (line !== -2 && offset < lines.lineEnd(line)) continue;
    line = lines.lineAt(offset);
    let unaccounted: string;
    if (line === -1) {
      const found = target === null ? [] : matchQuery(openings, target.path);
      swaps = swaps.concat(found);
      unaccounted = lines.text.slice(0, lines.lineStart(0));
      for (const { binding } of found) unaccounted = unaccounted.replace(binding.standIn, '');
    } else {
      const found = matchHeaderLine(openings, lines, line);
      if (found !== null) {
        swaps.push(found);
        continue;
      }
      unaccounted = lines.text.slice(lines.lineStart(line), lines.lineEnd(line));
    }
    const cores = hiddenCores(unaccounted);
    if (cores.length === 0) continue;
    stray ??= new Map();
    if (line === -1) placeInRequestLine(stray, cores, unaccounted);
    else placeInHeader(stray, cores, { lines, line });
  }
  return { swaps, stray };
}

/** Why stand-ins that stand in their slots are not swapped all the same, or null. */
function judgeSwaps({ cleartextHosts }: CompiledSandbox, swaps: readonly Swap[], target: Target): Refusal | null {
  if (target.scheme === 'http' && !cleartextHosts.has(target.host)) {
    const keys = swaps.map(({ binding }) => binding.envKey).join(', ');
    return refusal(
      'credential_host_mismatch',
      `${keys}: credentials never go over cleartext HTTP; use https://${target.host}`,
    );
  }
  const clash = swaps.length === 1 ? null : findClash(swaps);
  if (clash === null) return null;
  return refusal('credential_host_mismatch', `${clash}: send each stand-in once, and each in a header of its own`);
}

function refuseSwaps(swaps: readonly Swap[], refused: Refusal): CredentialRefusal {
  return { kind: 'refuse', refused, bindings: unique(swaps.map(bindingOf)), foreign: [] };
}

function bindingOf({ binding }: Swap): BindingSnapshot {
  return binding;
}

/** The trailer section of a request: no rule has a slot there, so any stand-in in it refuses the request. */
export function scanTrailers(
  sandbox: CompiledSandbox,
  { trailers, host }: { trailers: Buffer; host: string },
): CredentialRefusal | null {
  const text = trailers.toString('latin1');
  const cores = suspectOffsets(text).length === 0 ? [] : hiddenCores(text);
  if (cores.length === 0) return null;
  return refuseStray(sandbox, { places: placeInTrailers(cores, text), carried: [], host });
}

/** Why stand-ins outside every slot are refused: the worst of them decides. */
function refuseStray(
  sandbox: CompiledSandbox,
  { places, carried, host }: { places: Places; carried: BindingSnapshot[]; host: string },
): CredentialRefusal {
  const { own, others, foreign } = ownersOf(sandbox, places);
  const [first] = own;
  const revoked = own.find(({ state }) => state === 'revoked');
  let refused: Refusal;
  if (others || first === undefined) {
    refused = refusal('credential_not_bound', 'the request carries a stand-in that is not bound to this sandbox');
  } else if (revoked !== undefined) {
    refused = refusal('credential_revoked', `${revoked.envKey}: its secret was deleted`);
  } else {
    refused = refusal('credential_host_mismatch', explainMismatch(first, sandbox.openings(host), host));
  }
  return { kind: 'refuse', refused, bindings: unique([...carried, ...own]), foreign };
}

/**
 * Whose stand-ins a request carries that is refused for another reason: its audit row names them. Those that fill their
 * slot at the target are where they may be; without a target none is.
 */
export function carriedStandIns(
  sandbox: CompiledSandbox,
  head: RequestHead,
  target: Target | null,
): Pick<CredentialRefusal, 'bindings' | 'foreign'> {
  const { swaps, stray } = findStandIns(sandbox, head, target) ?? { swaps: [], stray: null };
  const { own, foreign } = ownersOf(sandbox, stray ?? new Map());
  return { bindings: unique([...swaps.map(bindingOf), ...own]), foreign };
}

/** `foreign`: all of its own, then those of others as far as they are told of. */
function ownersOf(
  sandbox: CompiledSandbox,
  places: Places,
): { own: BindingSnapshot[]; others: boolean; foreign: ForeignStandIn[] } {
  const own: BindingSnapshot[] = [];
  const foreign: ForeignStandIn[] = [];
  const others: ForeignStandIn[] = [];
  for (const [core, slot] of places) {
    const binding = sandbox.bindings.get(core);
    if (binding !== undefined) {
      own.push(binding);
      foreign.push({ fingerprint: coreFingerprint(core), slot });
      continue;
    }
    if (others.length < mostOthers) others.push({ fingerprint: coreFingerprint(core), slot });
  }
  return { own, others: others.length > 0, foreign: foreign.concat(others) };
}

/** A stand-in in its slot that may not be swapped all the same. */
function misplacedSwap(swap: Swap): ForeignStandIn {
  const fingerprint = coreFingerprint(findCores(swap.binding.standIn)[0]?.core ?? '');
  const { slot } = swap.opening;
  if (slot.kind === 'basic')
    return { fingerprint, slot: `basic ${slot.place === 'username' ? 'user name' : 'password'}` };
  return { fingerprint, slot: named(slot.kind, slot.name) };
}

function explainMismatch(binding: BindingSnapshot, openings: readonly Opening[], host: string): string {
  const slots = openings.filter((each) => each.binding === binding).map(({ slot }) => describeSlot(slot));
  if (slots.length === 0) return `${binding.envKey} is not for ${host}; nothing was sent`;
  return `${binding.envKey} is out of place; at ${host} it goes, once and alone, into ${slots.join(' or ')}; nothing was sent`;
}

function describeSlot(slot: Slot): string {
  if (slot.kind === 'header') return `the header "${slot.name}: ${slot.before}<stand-in>${slot.after}"`;
  return slot.kind === 'basic' ? `the ${slot.place} of Basic credentials` : `the query parameter ${slot.name}`;
}

/** The env keys of two swaps that cannot both be made, or null. */
function findClash(swaps: readonly Swap[]): string | null {
  for (const [index, swap] of swaps.entries()) {
    const other = swaps
      .slice(0, index)
      .find((each) => (each.binding === swap.binding || sharesHeader(each, swap)) && !isOwnedBy(each, swap));
    if (other !== undefined) return `${other.binding.envKey} and ${swap.binding.envKey}`;
  }
  return null;
}

function sharesHeader(a: Swap, b: Swap): boolean {
  return a.opening.owned.some((name) => b.opening.owned.includes(name));
}

/** Whether `swap` is another header of the same rule, which the first one writes anyway. */
function isOwnedBy(first: Swap, swap: Swap): boolean {
  if (first.binding !== swap.binding || first.place !== 'header' || swap.place !== 'header') return false;
  const { name, before, after } = swap.slot;
  return (
    first.slot.name !== name &&
    first.slot.set.some((each) => each.name === name && each.before === before && each.after === after)
  );
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}
