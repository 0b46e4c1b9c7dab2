import { exposeSecret, wipeSecret } from '../crypto/secret.ts';
import type { Secret } from '../crypto/secret.ts';
import { compileSandbox } from './inject-plan.ts';
import type { CompiledSandbox } from './inject-plan.ts';
import type { BindingSnapshot, ControlPort, SandboxSnapshot } from './ports.ts';
import { compileScrub } from './scrub/scrub.ts';
import type { Scrub } from './scrub/scrub.ts';
import { SharedFilters } from './scrub/window-filter.ts';
import { TimeToLive } from './time-to-live.ts';

/** What this worker holds of one sandbox: its compiled rules, and the values that it has used of late. */
export interface SandboxEntry {
  readonly snapshot: SandboxSnapshot;
  readonly rules: CompiledSandbox;
  readonly life: TimeToLive;
  /** While it lasts, nobody asks anew. */
  readonly youth: TimeToLive;
  isUsed: boolean;
  readonly values: Map<string, { secret: Secret; life: TimeToLive }>;
  /** What answers are searched for, by the host that they come from; null: nothing. */
  readonly scrubs: Map<string, Scrub | null>;
  /** Values that are being asked for: whoever wants one waits for the same answer. */
  readonly asked: Map<string, Promise<Secret | null>>;
}

/** Whose trail it is that a sandbox's events go to. */
export type SandboxOwner = Pick<SandboxSnapshot, 'id' | 'teamId'>;

/** Something that a value is wanted for. */
export interface Bound {
  readonly binding: BindingSnapshot;
}

/** A revocation is told to every worker; this is the net under it, should one be missed. */
const entryLifetimeMs = 30_000;
/** Hosts of a sandbox whose search is kept; an agent talks to few that a secret names. */
const maxScrubs = 256;
/** Searches that are kept compiled, some 55 KB each. */
const maxCompiled = 1024;
/** Sandboxes whose owner is kept after their rules, those heard of last. */
const maxOwners = 65_536;

/** The sandboxes that this worker serves, asked for at first contact and forgotten when told so. */
export class SandboxRegistry {
  readonly #control: ControlPort;
  readonly #valueTtlMs: number;
  readonly #scrubs: boolean;
  readonly #cleartextHosts: ReadonlySet<string>;
  readonly #entries = new Map<string, SandboxEntry>();
  /** What was compiled of values, by sandbox, bindings and versions; forgotten when the sandbox is to be. */
  readonly #compiled = new Map<string, Scrub | null>();
  /** What is slow to compile, shared by the sandboxes that have the same secrets. */
  readonly #filters = new SharedFilters();
  readonly #owners = new Map<string, SandboxOwner>();
  readonly #loads = new Map<string, { entry: Promise<SandboxEntry | null>; stale: boolean }>();

  /** `scrub`: whether answers are searched for values. `cleartextHosts`: where values may go without TLS. */
  constructor(
    control: ControlPort,
    options: { valueTtlMs: number; scrub: boolean; cleartextHosts?: readonly string[] },
  ) {
    this.#control = control;
    this.#valueTtlMs = options.valueTtlMs;
    this.#scrubs = options.scrub;
    this.#cleartextHosts = new Set(options.cleartextHosts);
  }

  /** What is held and fresh, without waiting. */
  get(id: string): SandboxEntry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (entry.life.over) {
      this.#drop(entry);
      return undefined;
    }
    entry.isUsed = true;
    return entry;
  }

  /** Asks the control plane. Null: no such sandbox. Rejects where it does not answer. */
  load(id: string): Promise<SandboxEntry | null> {
    const known = this.#loads.get(id);
    // Also one that was told to forget: it asks again before it answers. A second beside it would take its place in
    // this map, and the first could then no longer be told.
    if (known !== undefined) return known.entry;
    const load = { entry: Promise.resolve<SandboxEntry | null>(null), stale: false };
    load.entry = this.#load(id, load);
    this.#loads.set(id, load);
    return load.entry;
  }

  async #load(id: string, load: { stale: boolean }): Promise<SandboxEntry | null> {
    try {
      for (;;) {
        load.stale = false;
        const snapshot = await this.#control.sandbox(id);
        // Told to forget while the answer was under way: it may be of before the change.
        if (load.stale) continue;
        const before = this.#entries.get(id);
        if (snapshot === null) {
          if (before !== undefined) this.#drop(before);
          return null;
        }
        const entry: SandboxEntry = {
          snapshot,
          rules: compileSandbox(snapshot, this.#cleartextHosts),
          life: new TimeToLive(entryLifetimeMs),
          youth: new TimeToLive(entryLifetimeMs / 2),
          isUsed: false,
          values: before === undefined ? new Map() : this.#succeed(before, snapshot),
          scrubs: new Map(),
          asked: new Map(),
        };
        this.#entries.set(id, entry);
        this.#remember(snapshot);
        return entry;
      }
    } finally {
      this.#loads.delete(id);
    }
  }

  /** Drops an entry for a newer one, which gets its values: a version's value never changes. */
  #succeed(before: SandboxEntry, { bindings }: SandboxSnapshot): SandboxEntry['values'] {
    const values: SandboxEntry['values'] = new Map();
    for (const { secretId, version } of before.snapshot.bindings) {
      const held = before.values.get(secretId);
      if (held === undefined) continue;
      if (!bindings.some((each) => each.secretId === secretId && each.version === version && each.state === 'live'))
        continue;
      values.set(secretId, held);
      before.values.delete(secretId);
    }
    this.#drop(before);
    return values;
  }

  /**
   * Whose a sandbox is, as far as was ever heard: it stays so when its rules are forgotten, so that what became of a
   * connection can be put down without asking.
   */
  ownerOf(id: string): SandboxOwner | undefined {
    return this.#owners.get(id);
  }

  #remember({ id, teamId }: SandboxSnapshot): void {
    this.#owners.delete(id);
    if (this.#owners.size === maxOwners) {
      for (const oldest of this.#owners.keys()) {
        this.#owners.delete(oldest);
        break;
      }
    }
    this.#owners.set(id, { id, teamId });
  }

  /** The value of a binding where it is held and within its time to live. */
  value(entry: SandboxEntry, binding: BindingSnapshot): Secret | undefined {
    const held = entry.values.get(binding.secretId);
    if (held === undefined) return undefined;
    if (!held.life.over) return held.secret;
    wipeSecret(held.secret);
    entry.values.delete(binding.secretId);
    return undefined;
  }

  /**
   * The values that no answer of `host` may bring back: those of all live bindings that name it, whether or not a request
   * carried them. Null: none. Undefined: not all of them are held, so `loadScrub` must be asked.
   */
  scrub(entry: SandboxEntry, host: string): Scrub | null | undefined {
    if (!this.#scrubs) return null;
    const known = entry.scrubs.get(host);
    if (known !== undefined) return known;
    const bound = boundAt(entry, host);
    const values = this.heldValues(entry, bound);
    return values === null ? undefined : this.#keepScrub(entry, host, { bound, values });
  }

  /** The same, asking for what is not held. A binding: its secret was revoked or rotated. Rejects as `loadValue` does. */
  async loadScrub(entry: SandboxEntry, host: string): Promise<Scrub | null | BindingSnapshot> {
    if (!this.#scrubs) return null;
    const bound = boundAt(entry, host);
    const values = await this.loadValues(entry, bound);
    if (!Array.isArray(values)) return values;
    // What is asked for while the worker is told to forget comes wiped.
    const wiped = bound.find((_, index) => values[index]?.byteLength === 0);
    return wiped?.binding ?? this.#keepScrub(entry, host, { bound, values });
  }

  /** What tells a search of this host's answers from another: bindings and versions. Empty: there is none. */
  searchedAt(entry: SandboxEntry, host: string): string {
    return this.#scrubs ? versionsOf(boundAt(entry, host)) : '';
  }

  /** Throws where one of the values has been wiped since. */
  #keepScrub(
    entry: SandboxEntry,
    host: string,
    { bound, values }: { bound: readonly Bound[]; values: readonly Secret[] },
  ): Scrub | null {
    // The same bindings at the same versions are the same values: rules are read anew twice a minute, values seldom change.
    const key = `${entry.snapshot.id}|${versionsOf(bound)}`;
    let scrub = this.#compiled.get(key);
    if (scrub === undefined) {
      const entries = bound.map(({ binding: { id, standIn } }, index) => {
        const secret = values[index];
        if (secret === undefined) throw new Error(`no value was given for binding ${id}`);
        return { id, standIn, value: exposeSecret(secret) };
      });
      const sameValues = bound.map(({ binding: { secretId, version } }) => `${secretId}@${version}`).join();
      scrub = compileScrub(entries, (patterns) => this.#filters.of(sameValues, patterns));
      if (this.#compiled.size === maxCompiled) this.#compiled.clear();
      this.#compiled.set(key, scrub);
    }
    if (entry.scrubs.size === maxScrubs) entry.scrubs.clear();
    entry.scrubs.set(host, scrub);
    return scrub;
  }

  /** The values of these bindings in their order, where all of them are held. */
  heldValues(entry: SandboxEntry, bound: readonly Bound[]): Secret[] | null {
    const values: Secret[] = [];
    for (const { binding } of bound) {
      const value = this.value(entry, binding);
      if (value === undefined) return null;
      values.push(value);
    }
    return values;
  }

  /** The same, asking the control plane for those that are not held. A binding: its secret was revoked or rotated. */
  async loadValues(entry: SandboxEntry, bound: readonly Bound[]): Promise<Secret[] | BindingSnapshot> {
    const values: Secret[] = [];
    for (const { binding } of bound) {
      const value = this.value(entry, binding) ?? (await this.loadValue(entry, binding));
      if (value === null) return binding;
      values.push(value);
    }
    return values;
  }

  /** Asks the control plane for a value. Null: revoked or rotated since. Rejects where it does not answer. */
  loadValue(entry: SandboxEntry, binding: BindingSnapshot): Promise<Secret | null> {
    const asked = entry.asked.get(binding.secretId);
    if (asked !== undefined) return asked;
    const answer = this.#askValue(entry, binding).finally(() => entry.asked.delete(binding.secretId));
    entry.asked.set(binding.secretId, answer);
    return answer;
  }

  async #askValue(entry: SandboxEntry, binding: BindingSnapshot): Promise<Secret | null> {
    const { id } = entry.snapshot;
    const secret = await this.#control.value({ sandboxId: id, secretId: binding.secretId, version: binding.version });
    if (secret === null || this.#entries.get(id) === entry) {
      if (secret !== null) entry.values.set(binding.secretId, { secret, life: new TimeToLive(this.#valueTtlMs) });
      return secret;
    }
    // Told to forget while the answer was under way: it may be the value of before. A wiped one is asked for again.
    wipeSecret(secret);
    return secret;
  }

  /** Drops rules and values; null: of every sandbox. */
  forget(ids: string[] | null): void {
    if (ids === null) this.#compiled.clear();
    else for (const id of ids) this.#forgetCompiled(id);
    for (const id of ids ?? [...this.#loads.keys()]) {
      const load = this.#loads.get(id);
      if (load !== undefined) load.stale = true;
    }
    for (const id of ids ?? [...this.#entries.keys()]) {
      const entry = this.#entries.get(id);
      if (entry !== undefined) this.#drop(entry);
    }
  }

  /**
   * Wipes what has outlived its time, and asks anew for rules that are in use before their time is over, so that no request
   * has to wait for them; called once a second.
   */
  sweep(): void {
    for (const entry of this.#entries.values()) {
      if (entry.life.over) this.#drop(entry);
      else {
        // Where nobody answers, those who come when its time is over are told so.
        if (entry.isUsed && entry.youth.over) this.load(entry.snapshot.id).catch(() => undefined);
        for (const [secretId, held] of entry.values) {
          if (!held.life.over) continue;
          wipeSecret(held.secret);
          entry.values.delete(secretId);
        }
      }
    }
  }

  #forgetCompiled(sandboxId: string): void {
    for (const key of this.#compiled.keys()) if (key.startsWith(`${sandboxId}|`)) this.#compiled.delete(key);
  }

  #drop(entry: SandboxEntry): void {
    if (this.#entries.get(entry.snapshot.id) === entry) this.#entries.delete(entry.snapshot.id);
    for (const held of entry.values.values()) wipeSecret(held.secret);
    entry.values.clear();
  }
}

function versionsOf(bound: readonly Bound[]): string {
  return bound.map(({ binding }) => `${binding.id}@${binding.version}`).join();
}

function boundAt(entry: SandboxEntry, host: string): Bound[] {
  const bindings = new Set(entry.rules.openings(host).map(({ binding }) => binding));
  return [...bindings].map((binding) => ({ binding }));
}
