import { badField } from '../errors.ts';
import { parseCidr } from '../net/address.ts';
import { parseName } from './hosts.ts';
import type { CreateSandboxInput } from './types.ts';

const ruleLimit = 256;

/** As they are stored and shown: what was not given is left out. */
export interface StoredNetwork {
  allow_out?: string[];
  deny_out?: string[];
}

/** Judges the network rules of a sandbox: `allow_out` takes CIDRs and domains, `deny_out` CIDRs only. */
export function parseNetwork(network: CreateSandboxInput['network']): StoredNetwork {
  const { allow_out: allowOut, deny_out: denyOut } = network ?? {};
  return {
    ...(allowOut === undefined ? {} : { allow_out: parseEach('network.allow_out', allowOut, cidrOrDomain) }),
    ...(denyOut === undefined ? {} : { deny_out: parseEach('network.deny_out', denyOut, cidr) }),
  };
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

/** A domain here may be a wildcard over anything: it opens a way, and hands out no credential. */
function cidrOrDomain(field: string, rule: string): string {
  if (parseCidr(rule) !== null) return rule;
  if (/^[\d.]*\/|^[\d.]+$|:.*:/.test(rule)) {
    throw badField(field, `${JSON.stringify(rule.slice(0, 80))} is not a CIDR such as 203.0.113.0/24`);
  }
  return rule.startsWith('*.') ? `*.${parseName(field, rule.slice(2))}` : parseName(field, rule);
}
