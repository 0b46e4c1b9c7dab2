import { badField } from '../errors.ts';
import { parseCidr } from '../net/address.ts';
import { hostMatches, hostMatchesBelow } from '../net/hostname.ts';
import type { NetworkRecord } from '../store/store.ts';
import { parseName } from './hosts.ts';
import type { NetworkInput } from './types.ts';

const ruleLimit = 256;

/**
 * Judges the network rules of a sandbox: `allow_out` takes CIDRs and domains, `deny_out` CIDRs only, `tunnel_out` domains
 * only. Throws `bad_request` that names the rule.
 */
export function parseNetwork(network: NetworkInput = {}): NetworkRecord {
  const { allow_out: allowOut, deny_out: denyOut, intercept, tunnel_out: tunnelOut } = network;
  return {
    ...(allowOut === undefined || allowOut === null
      ? {}
      : { allow_out: parseEach('network.allow_out', allowOut, cidrOrDomain) }),
    ...(denyOut === undefined || denyOut === null ? {} : { deny_out: parseEach('network.deny_out', denyOut, cidr) }),
    ...(intercept === undefined ? {} : { intercept }),
    ...(tunnelOut === undefined ? {} : { tunnel_out: parseEach('network.tunnel_out', tunnelOut, domainOnly) }),
  };
}

/**
 * A host of a bound secret is opened always, or its credential could not be put in: refuses (`bad_request`) a rule of
 * `tunnel_out` that covers any host of any of these secrets, and names the field, the host and the secret. `field`: the
 * one to blame; without it, the rule's own.
 */
export function refuseTunnelledSecrets(
  network: NetworkRecord,
  secrets: readonly { name: string; hosts: readonly string[] }[],
  field?: string,
): void {
  for (const [index, rule] of (network.tunnel_out ?? []).entries()) {
    for (const { name, hosts } of secrets) {
      const host = hosts.find((each) => ruleCovers(rule, each));
      if (host === undefined) continue;
      const place = `network.tunnel_out.${index}`;
      const cure = 'what goes to a host of a bound secret must be opened';
      if (field === undefined) throw badField(place, `${rule} covers ${host}, a host of the secret "${name}"; ${cure}`);
      throw badField(field, `the secret "${name}" is for ${host}, which ${place} (${rule}) covers; ${cure}`);
    }
  }
}

/**
 * True where some host is covered by a network rule (`*.` at any depth below) and by a secret's host (`*.` for exactly
 * one label more).
 */
export function ruleCovers(rule: string, secretHost: string): boolean {
  if (!secretHost.startsWith('*.')) return hostMatchesBelow(rule, secretHost);
  if (!rule.startsWith('*.')) return hostMatches(secretHost, rule);
  return rule === secretHost || secretHost.endsWith(rule.slice(1));
}

function parseEach(field: string, rules: readonly string[], parse: (field: string, rule: string) => string): string[] {
  if (rules.length > ruleLimit) throw badField(field, `takes ${ruleLimit} rules at most`);
  return [...new Set(rules.map((rule, index) => parse(`${field}.${index}`, rule)))];
}

function cidr(field: string, rule: string): string {
  if (parseCidr(rule) !== null) return rule;
  throw badField(
    field,
    `${JSON.stringify(rule.slice(0, 80))} is not a CIDR such as 203.0.113.0/24; domains go to allow_out`,
  );
}

function cidrOrDomain(field: string, rule: string): string {
  if (parseCidr(rule) !== null) return rule;
  if (/^[\d.]*\/|^[\d.]+$|:.*:/.test(rule)) {
    throw badField(field, `${JSON.stringify(rule.slice(0, 80))} is not a CIDR such as 203.0.113.0/24`);
  }
  return domain(field, rule);
}

function domainOnly(field: string, rule: string): string {
  if (parseCidr(rule) === null) return domain(field, rule);
  throw badField(field, `${JSON.stringify(rule)} is an address; give a domain such as pinned.example.com`);
}

/** A domain here may be a wildcard over anything: it opens a way, and hands out no credential. */
function domain(field: string, rule: string): string {
  return rule.startsWith('*.') ? `*.${parseName(field, rule.slice(2))}` : parseName(field, rule);
}
