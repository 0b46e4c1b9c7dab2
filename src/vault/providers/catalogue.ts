import { badField } from '../../errors.ts';
import { didYouMean } from '../nearest.ts';
import type { ResolvedAuth } from '../rules.ts';
import type { ProviderView } from '../types.ts';
import { aiProviders } from './ai.ts';
import { codeProviders } from './code.ts';
import type { AcceptedForm, Provider } from './provider.ts';
import { serviceProviders } from './services.ts';
import { tenantServices } from './tenants.ts';
import { describeShape } from './token-shape.ts';

/** Every shortcut there is, by name. */
export const catalogue: ReadonlyMap<string, Provider> = new Map(
  [...aiProviders, ...codeProviders, ...serviceProviders]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((provider) => [provider.name, provider]),
);

/**
 * What the shortcut stands for. An unknown one is refused with those that are near; one whose service has a host for
 * each customer, with what to store instead.
 */
export function resolveProvider(name: string): ResolvedAuth {
  const provider = catalogue.get(name);
  if (provider !== undefined) return resolved(provider);
  const tenant = tenantServices.find((each) => each.name === name);
  if (tenant !== undefined) {
    const reason = `${tenant.display} gives each customer a host of its own, so a shortcut would cover all of them`;
    throw badField('provider', `${reason}; give ${tenant.instead}`);
  }
  const hint = didYouMean(name, catalogue.keys()) || ' GET /providers lists them; or give auth and hosts.';
  throw badField('provider', `${JSON.stringify(name.slice(0, 80))} is not in the catalogue.${hint}`);
}

/** The other forms in which a key of that provider may be sent to that host. */
export function acceptedForms(name: string, host: string): readonly AcceptedForm[] {
  return catalogue.get(name)?.rules.find((rule) => rule.hosts.includes(host))?.also ?? [];
}

/** The catalogue as it is listed, by name. */
export function providerViews(): ProviderView[] {
  return [...catalogue.values()].map((provider) => {
    const { authType, authConfig, hosts } = resolved(provider);
    return {
      name: provider.name,
      display: provider.display,
      authType,
      authConfig: { ...authConfig },
      hosts,
      tokenShape: provider.tokens.map(describeShape).join(', or '),
    };
  });
}

function resolved({ rules }: Provider): ResolvedAuth {
  const hosts = rules.flatMap((rule) => rule.hosts);
  const [first, ...others] = rules;
  if (first !== undefined && others.length === 0) {
    return { authType: first.auth.type, authConfig: { ...first.auth }, hosts };
  }
  const perHost = rules.map((rule) => ({ hosts: [...rule.hosts], ...rule.auth }));
  return { authType: 'per_host', authConfig: { per_host: perHost }, hosts };
}
