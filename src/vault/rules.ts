import { badField } from '../errors.ts';
import { requireHeaderName } from './header-names.ts';
import { hostsOverlap, parseHosts } from './hosts.ts';
import { didYouMean } from './nearest.ts';
import { requireHeaderText, requireTemplate } from './templates.ts';
import { requireText } from './text.ts';
import type { AuthInput, AuthRule, AuthType, HostsRule } from './types.ts';

/** How a secret is sent, as it is stored: the kind, the rule or rules without any value, and where to. */
export interface ResolvedAuth {
  authType: AuthType;
  authConfig: AuthInput;
  hosts: string[];
}

const ruleLimit = 16;
const customHeaderLimit = 8;

/** Judges `auth` and `hosts` as a client gave them. Throws `bad_request` with the path of the field at fault. */
export function resolveAuth(auth: AuthInput, givenHosts: readonly string[]): ResolvedAuth {
  const hosts = parseHosts('hosts', givenHosts);
  if (!('per_host' in auth)) {
    return { authType: auth.type, authConfig: resolveRule('auth', auth), hosts };
  }
  if ('type' in auth) throw badField('auth', 'takes a single rule (`type`) or `per_host`, never both');
  return { authType: 'per_host', authConfig: { per_host: resolvePerHost(auth.per_host, hosts) }, hosts };
}

function resolvePerHost(rules: readonly HostsRule[], hosts: readonly string[]): HostsRule[] {
  if (rules.length < 1 || rules.length > ruleLimit)
    throw badField('auth.per_host', `must list 1 to ${ruleLimit} rules`);
  const resolved = rules.map((rule, index) => {
    const field = `auth.per_host.${index}`;
    const own = parseHosts(`${field}.hosts`, rule.hosts);
    for (const host of own) {
      if (hosts.includes(host)) continue;
      throw badField(`${field}.hosts`, `${host} must stand in the top-level hosts too.${didYouMean(host, hosts)}`);
    }
    return { hosts: own, ...resolveRule(field, rule) };
  });
  refuseOverlap(resolved);
  return resolved;
}

function refuseOverlap(rules: readonly HostsRule[]): void {
  for (const [index, rule] of rules.entries()) {
    for (const [earlier, other] of rules.slice(0, index).entries()) {
      for (const host of rule.hosts) {
        const clash = other.hosts.find((each) => hostsOverlap(host, each));
        if (clash === undefined) continue;
        const place = `auth.per_host.${index}.hosts`;
        throw badField(place, `${host} overlaps ${clash} of auth.per_host.${earlier}; a host takes one rule`);
      }
    }
  }
}

function resolveRule(field: string, rule: AuthRule): AuthRule {
  if (rule.type === 'bearer') return { type: 'bearer' };
  if (rule.type === 'basic') {
    if (rule.username === undefined) return { type: 'basic' };
    return { type: 'basic', username: requireUsername(`${field}.username`, rule.username) };
  }
  if (rule.type === 'api-key') {
    const header = requireHeaderName(`${field}.header`, rule.header);
    if (rule.prefix === undefined) return { type: 'api-key', header };
    return { type: 'api-key', header, prefix: requirePrefix(`${field}.prefix`, rule.prefix) };
  }
  return { type: 'custom', headers: resolveCustomHeaders(`${field}.headers`, rule.headers) };
}

/** RFC 7617 2: the first colon ends the user name, and neither part holds a control character. */
function requireUsername(field: string, username: string): string {
  if (username.includes(':')) throw badField(field, 'must not hold a colon: it ends the user name');
  if (username.length > 256) throw badField(field, 'has 256 characters at most');
  if (/\p{Cc}/u.test(username)) throw badField(field, 'must not hold control characters');
  return requireText(field, username);
}

function requirePrefix(field: string, prefix: string): string {
  if (prefix.length > 256) throw badField(field, 'has 256 characters at most');
  if (prefix.startsWith(' ')) throw badField(field, 'must not start with a space: it would be lost on the way');
  return requireHeaderText(field, prefix);
}

function resolveCustomHeaders(field: string, headers: Record<string, string>): Record<string, string> {
  const entries = Object.entries(headers);
  if (entries.length < 1 || entries.length > customHeaderLimit) {
    throw badField(field, `must name 1 to ${customHeaderLimit} headers`);
  }
  const seen = new Set<string>();
  for (const [name, template] of entries) {
    const place = `${field}.${name.slice(0, 80)}`;
    requireHeaderName(place, name);
    requireTemplate(place, template);
    if (seen.has(name.toLowerCase())) throw badField(place, 'is named twice; header names know no case');
    seen.add(name.toLowerCase());
  }
  return Object.fromEntries(entries);
}
