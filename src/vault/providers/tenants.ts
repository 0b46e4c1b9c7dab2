/**
 * Services that give each customer a host under one domain. A shortcut for the whole domain would send the key to the
 * tenant of whoever asks, so there is none: the secret names the tenant's own host.
 */
export interface TenantService {
  name: string;
  display: string;
  /** Every customer has a name directly under it. */
  suffix: string;
  /** How to store its key instead, as the fields of `POST /secrets`. */
  instead: string;
}

export const tenantServices: readonly TenantService[] = [
  {
    name: 'shopify',
    display: 'Shopify',
    suffix: 'myshopify.com',
    instead: '"auth": {"type": "api-key", "header": "X-Shopify-Access-Token"}, "hosts": ["<shop>.myshopify.com"]',
  },
  {
    name: 'atlassian',
    display: 'Atlassian',
    suffix: 'atlassian.net',
    instead: '"auth": {"type": "basic", "username": "<email>"}, "hosts": ["<site>.atlassian.net"]',
  },
  {
    name: 'zendesk',
    display: 'Zendesk',
    suffix: 'zendesk.com',
    instead: '"auth": {"type": "basic", "username": "<email>/token"}, "hosts": ["<account>.zendesk.com"]',
  },
  {
    name: 'grafana',
    display: 'Grafana Cloud',
    suffix: 'grafana.net',
    instead: '"auth": {"type": "bearer"}, "hosts": ["<stack>.grafana.net"]',
  },
  {
    name: 'databricks',
    display: 'Databricks',
    suffix: 'cloud.databricks.com',
    instead: '"auth": {"type": "bearer"}, "hosts": ["<workspace>.cloud.databricks.com"]',
  },
  {
    name: 'supabase-project',
    display: 'Supabase project',
    suffix: 'supabase.co',
    instead: '"auth": {"type": "api-key", "header": "apikey"}, "hosts": ["<project>.supabase.co"]',
  },
];

/** A wildcard over one of these is refused, as one over a public suffix is. */
export const sharedSuffixes: ReadonlySet<string> = new Set(tenantServices.map(({ suffix }) => suffix));
