import type { ForeignStandIn } from '../audit-rows.ts';
import type { Secret } from '../crypto/secret.ts';
import type { Swap } from './inject-slots.ts';
import type { BindingSnapshot } from './ports.ts';
import type { SandboxEntry, SandboxRegistry } from './registry.ts';
import { refusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import { deniedBy, hostDenied, judgeRequest, judgeTrailers, sandboxGone } from './request-judge.ts';
import type { RefusedRequest } from './request-judge.ts';
import type { Scrub } from './scrub/scrub.ts';
import type { Destination, Refused, Target } from './target.ts';
import type { RequestHead } from './wire/head.ts';

const none: readonly never[] = [];
/** How often a request is judged again when its secret changes under it. */
const maxAttempts = 3;

export interface AdmissionRequest {
  head: RequestHead;
  /** Of the connection: null where it is to the proxy itself. */
  destination: Destination | null;
  misdirected: Refused | null;
  /** The request's trailers as far as they have come. */
  trailers: Buffer | null;
}

/** What comes of it: one of the three is called, once for each time that the request is judged. */
export interface AdmissionOutcome {
  /** The values of `swaps`, in their order. */
  admit(values: readonly Secret[]): void;
  refuse(refused: Refusal): void;
  /** The host is not allowed: by this rule, or by none. */
  deny(refused: Refusal, matchRule: string | null): void;
  /** The rest of the answer is to be searched for these too: they were attached or rotated in after it was asked for. */
  searchAlso(later: Scrub): void;
}

/**
 * Steps 1 to 5 of the contract's "Egress" for one request: whether it may go, and with which values. Waits only where
 * the worker does not hold what it needs.
 */
export class Admission {
  readonly #registry: SandboxRegistry;
  readonly #request: Readonly<AdmissionRequest>;
  readonly #outcome: AdmissionOutcome;
  entry: SandboxEntry | null = null;
  target: Target | null = null;
  swaps: readonly Swap[] = none;
  /** The values that must not come back from the host; null: none, or they are not looked for. */
  scrub: Scrub | null = null;
  secretIds: readonly string[] = none;
  /** `<variable> <place>` of each of these. */
  standIns: readonly string[] = none;
  /** By `performance.now`; null: not yet. */
  judgedAt: number | null = null;
  /** Stand-ins found where they must not be, its own and those of others. */
  foreign: readonly ForeignStandIn[] = none;
  /** What answers were searched for last (`searchedAt`); null: what `entry` says. */
  #searched: string | null = null;
  #attempts = 0;

  constructor(registry: SandboxRegistry, request: Readonly<AdmissionRequest> & AdmissionOutcome) {
    this.#registry = registry;
    this.#request = request;
    this.#outcome = request;
  }

  judge(entry: SandboxEntry): void {
    this.entry = entry;
    const judged = judgeRequest(entry, this.#request);
    this.target = judged.target;
    this.judgedAt = performance.now();
    if (judged.kind === 'refuse') {
      this.#note(judged);
      if (judged.blockedBy === undefined) this.#outcome.refuse(judged.refused);
      else this.#outcome.deny(judged.refused, judged.blockedBy);
      return;
    }
    this.swaps = judged.swaps;
    this.foreign = none;
    this.secretIds = secretsOf(judged.swaps);
    this.standIns = standInsOf(judged.swaps);
    this.open();
  }

  /** Trailers that came after the head was judged: the refusal, where they carry a stand-in. */
  judgeTrailers(): Refusal | null {
    const [entry, target] = [this.entry, this.target];
    const stray = entry === null || target === null ? null : judgeTrailers(entry, this.#request.trailers, target.host);
    if (stray === null) return null;
    this.#note(stray);
    return stray.refused;
  }

  /** The values, out of what this worker holds or from the control plane. */
  open(): void {
    const { entry, target } = this;
    if (entry === null || target === null) return;
    const held = this.#registry.heldValues(entry, this.swaps);
    const scrub = this.#registry.scrub(entry, target.host);
    if (held === null || scrub === undefined) {
      this.#load(entry, target.host).catch(() => this.#outcome.refuse(vaultSilent()));
      return;
    }
    this.scrub = scrub;
    this.#outcome.admit(held);
  }

  async #load(entry: SandboxEntry, host: string): Promise<void> {
    const values = await this.#registry.loadValues(entry, this.swaps);
    const scrub = Array.isArray(values) ? await this.#registry.loadScrub(entry, host) : values;
    if (Array.isArray(values) && !isBinding(scrub)) {
      this.scrub = scrub;
      this.#outcome.admit(values);
      return;
    }
    const changed = isBinding(scrub) ? `${scrub.envKey}: its secret was revoked` : 'its secret was revoked';
    await this.#again(refusal('credential_revoked', changed), { stale: true });
  }

  /** A value was wiped before it could be used: revoked, rotated or out of time. Never the old one. */
  again(): void {
    this.#again(vaultSilent(), { stale: false }).catch(() => this.#outcome.refuse(vaultSilent()));
  }

  /** `stale`: the rules that this worker holds are the ones that were wrong. */
  async #again(otherwise: Refusal, options: { stale: boolean }): Promise<void> {
    const { entry } = this;
    if (entry !== null && this.#attempts < maxAttempts) {
      this.#attempts += 1;
      const { id } = entry.snapshot;
      if (options.stale && this.#registry.get(id) === entry) this.#registry.forget([id]);
      const fresh = this.#registry.get(id) ?? (await this.#registry.load(id));
      if (fresh !== null) {
        this.judge(fresh);
        return;
      }
    }
    this.#outcome.refuse(otherwise);
  }

  /**
   * Judges what is under way by the rules of now; where it may go on, the rest of its answer is searched for the values of now
   * too. Resolves with why it may not: a value that went out is not this sandbox's any more, or its host, at the address that
   * was dialled, is not allowed. Null: it may, or nobody can tell.
   */
  async reconsider(address: string | null): Promise<{ refused: Refusal; blockedBy?: string | null } | null> {
    const { entry, swaps, target } = this;
    if (entry === null) return null;
    const fresh = await this.#registry.load(entry.snapshot.id).catch(() => entry);
    if (fresh === entry) return null;
    const revoked = { refused: refusal('credential_revoked', 'its secret was revoked or detached') };
    if (fresh === null || fresh.snapshot.deleted === true)
      return swaps.length > 0 ? revoked : { refused: sandboxGone() };
    const live = new Set(fresh.snapshot.bindings.filter(({ state }) => state === 'live').map(({ id }) => id));
    if (swaps.some(({ binding }) => !live.has(binding.id))) return revoked;
    if (target === null) return null;
    const denied = deniedBy(fresh, target.host, address);
    if (denied !== null) return { refused: hostDenied(target.host), blockedBy: denied.rule };
    await this.#searchAlso(entry, fresh, target.host);
    return null;
  }

  /** A value that came in the place of another is of the same host, which may give it back in an answer that is under way. */
  async #searchAlso(entry: SandboxEntry, fresh: SandboxEntry, host: string): Promise<void> {
    const now = this.#registry.searchedAt(fresh, host);
    if (now === '' || now === (this.#searched ?? this.#registry.searchedAt(entry, host))) return;
    const later = await this.#registry.loadScrub(fresh, host).catch(() => null);
    // Changed again: that is told of too.
    if (later === null || isBinding(later)) return;
    this.#searched = now;
    this.scrub = this.scrub?.and(later) ?? later;
    this.#outcome.searchAlso(later);
  }

  #note({ bindings, foreign }: Pick<RefusedRequest, 'bindings' | 'foreign'>): void {
    this.secretIds = [...new Set(bindings.map(({ secretId }) => secretId))];
    this.foreign = foreign;
    // Which place is whose is told only where there is one of each.
    const [place] = foreign;
    this.standIns = bindings.map(
      ({ envKey }) => `${envKey} ${bindings.length === 1 && place !== undefined ? place.slot : 'out of place'}`,
    );
  }
}

function isBinding(found: BindingSnapshot | Scrub | null): found is BindingSnapshot {
  return found !== null && 'envKey' in found;
}

/** The secrets of these swaps, each once. */
function secretsOf(swaps: readonly Swap[]): readonly string[] {
  const [first, second] = swaps;
  if (first === undefined) return none;
  if (second === undefined) return [first.binding.secretId];
  return [...new Set(swaps.map(({ binding }) => binding.secretId))];
}

/** The same for where they stood. */
function standInsOf(swaps: readonly Swap[]): readonly string[] {
  const [first, second] = swaps;
  if (first === undefined) return none;
  if (second === undefined) return first.opening.label;
  const bySecret = new Map(swaps.map(({ binding, opening }) => [binding.secretId, opening.label[0]]));
  return secretsOf(swaps).map((id) => bySecret.get(id) ?? '');
}

function vaultSilent(): Refusal {
  return refusal('vault_unavailable', 'the vault does not answer; the request was not sent');
}
