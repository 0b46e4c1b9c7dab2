import { acceptedForms } from './providers/catalogue.ts';
import type { AcceptedForm } from './providers/provider.ts';
import { splitTemplate } from './templates.ts';
import type { AuthInput, AuthRule } from './types.ts';

/** How a secret is sent to some of its hosts. The egress's `HostRule`, of the same structure. */
export interface CompiledRule {
  hosts: string[];
  slots: CompiledSlot[];
}
export type CompiledSlot =
  | { kind: 'header'; name: string; before: string; after: string; set: CompiledHeader[] }
  | { kind: 'basic'; username: string | null; place: 'password' | 'username' }
  | { kind: 'query'; name: string };
export interface CompiledHeader {
  name: string;
  before: string;
  after: string;
}

/**
 * The slots of a secret's stand-in, host by host: the form of its rule first, then the other forms that its provider
 * takes at that host. Hosts come from the secret alone: a catalogue that grew does not widen what was stored.
 */
export function compileRules(secret: {
  authConfig: AuthInput;
  hosts: readonly string[];
  providerShortcut: string | null;
}): CompiledRule[] {
  const { authConfig, hosts, providerShortcut } = secret;
  const rules = 'per_host' in authConfig ? authConfig.per_host : [{ ...authConfig, hosts: [...hosts] }];
  return rules.flatMap((rule) => {
    const own = slotsOf(rule);
    if (providerShortcut === null) return [{ hosts: rule.hosts, slots: own }];
    return rule.hosts.map((host) => ({
      hosts: [host],
      slots: [...own, ...acceptedForms(providerShortcut, host).flatMap(slotsOf)],
    }));
  });
}

function slotsOf(form: AuthRule | AcceptedForm): CompiledSlot[] {
  if (form.type === 'bearer') return [headerSlot({ name: 'Authorization', before: 'Bearer ', after: '' })];
  if (form.type === 'api-key') return [headerSlot({ name: form.header, before: form.prefix ?? '', after: '' })];
  if (form.type === 'basic') return [{ kind: 'basic', username: form.username ?? null, place: 'password' }];
  if (form.type === 'basic-username') return [{ kind: 'basic', username: null, place: 'username' }];
  if (form.type === 'query') return [{ kind: 'query', name: form.parameter }];
  const set = Object.entries(form.headers).map(([name, template]) => customHeader(name, template));
  return set.map((header) => headerSlot(header, set));
}

function customHeader(name: string, template: string): CompiledHeader {
  const { before, after } = splitTemplate(template);
  return { name, before, after };
}

function headerSlot(header: CompiledHeader, set = [header]): CompiledSlot {
  return { kind: 'header', ...header, set };
}
