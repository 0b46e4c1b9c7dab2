import { hostMatches } from '../net/hostname.ts';
import { findCores } from '../stand-in.ts';
import { compileInterception } from './interception.ts';
import type { CompiledInterception } from './interception.ts';
import type { BindingSnapshot, SandboxSnapshot, Slot } from './ports.ts';
import { compileNetwork } from './policy.ts';
import type { CompiledNetwork } from './policy.ts';

/** A snapshot made ready for judging requests; made once, replaced whole when anything changes. */
export interface CompiledSandbox {
  readonly snapshot: SandboxSnapshot;
  readonly network: CompiledNetwork;
  readonly interception: CompiledInterception;
  /** The binding behind each stand-in's core, revoked ones included. */
  readonly bindings: ReadonlyMap<string, BindingSnapshot>;
  /** Names to which real values may go without TLS: the operator's word, the same for every sandbox. */
  readonly cleartextHosts: ReadonlySet<string>;
  /** What may be swapped at a host: live bindings, in the order in which they were bound. */
  openings(host: string): readonly Opening[];
}

/** One slot that a live binding has at a host. */
export interface Opening {
  readonly binding: BindingSnapshot;
  readonly slot: Slot;
  /** The header that the slot is in, in lower case; null for a query slot. */
  readonly header: string | null;
  /** Lower-case names of the headers that the slot owns, folded; none for a query slot. */
  readonly owned: readonly string[];
  /** `<variable> <place>`, alone in an array: what most rows of the audit trail have. */
  readonly label: readonly [string];
  /** The lines that a header slot writes. */
  readonly written: readonly WrittenLine[];
}

/** One header line around a value. */
export interface WrittenLine {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  /** The same as HTTP/1.1 has it: all before the value, and all after it. */
  readonly head: string;
  readonly tail: string;
}

/** Hosts whose openings are kept; an agent talks to few, and who walks through a wildcard's names only costs time. */
const maxHosts = 256;
const noHosts: ReadonlySet<string> = new Set();

/** Throws TypeError on a rule or stand-in that the vault should not have let in. */
export function compileSandbox(snapshot: SandboxSnapshot, cleartextHosts = noHosts): CompiledSandbox {
  const bindings = new Map<string, BindingSnapshot>();
  for (const binding of snapshot.bindings) {
    const core = findCores(binding.standIn)[0]?.core;
    if (core === undefined) throw new TypeError(`the stand-in of ${binding.envKey} has no core`);
    bindings.set(core, binding);
  }
  const byHost = new Map<string, readonly Opening[]>();
  return {
    snapshot,
    network: compileNetwork(snapshot.network),
    interception: compileInterception(snapshot),
    bindings,
    cleartextHosts,
    openings(host) {
      let found = byHost.get(host);
      if (found === undefined) {
        if (byHost.size === maxHosts) byHost.clear();
        found = snapshot.bindings.flatMap((binding) => openingsOf(binding, host));
        byHost.set(host, found);
      }
      return found;
    },
  };
}

/** Names of headers are compared so: servers that hand them to programs as CGI does cannot tell `_` from `-`. */
export function foldHeaderName(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

function openingsOf(binding: BindingSnapshot, host: string): Opening[] {
  if (binding.state !== 'live') return [];
  return binding.rules
    .filter((rule) => rule.hosts.some((pattern) => hostMatches(pattern, host)))
    .flatMap((rule) => rule.slots.map((slot) => openingOf(binding, slot)));
}

function openingOf(binding: BindingSnapshot, slot: Slot): Opening {
  const label: readonly [string] = [`${binding.envKey} ${placeIn(slot)}`];
  if (slot.kind === 'query') return { binding, slot, label, header: null, owned: [], written: [] };
  if (slot.kind === 'basic')
    return { binding, slot, label, header: 'authorization', owned: ['authorization'], written: [] };
  return {
    binding,
    slot,
    label,
    header: slot.name.toLowerCase(),
    written: slot.set.map(({ name, before, after }) => ({
      name,
      before,
      after,
      head: `${name}: ${before}`,
      tail: `${after}\r\n`,
    })),
    owned: [...new Set([slot.name, ...slot.set.map(({ name }) => name)].map(foldHeaderName))],
  };
}

/** `header authorization`, `basic password`, `query key`. */
export function placeIn(slot: Slot): string {
  if (slot.kind === 'basic') return slot.place === 'username' ? 'basic user name' : 'basic password';
  return slot.kind === 'query' ? `query ${slot.name}` : `header ${slot.name.toLowerCase()}`;
}
