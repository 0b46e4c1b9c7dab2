import { z } from 'zod';
import { hosts, queryNumber, secretName, strict, timestamp, uuid } from './fields.ts';

const valueRule = '1 to 8192 bytes of UTF-8 without CR, LF or NUL';
const value = z
  .string()
  .refine(
    (text) => {
      const { length } = new TextEncoder().encode(text);
      return length >= 1 && length <= 8192 && !/[\r\n\0]/.test(text);
    },
    { error: `must be ${valueRule}` },
  )
  .describe(`${valueRule}; never returned`);

/** What happens when a stand-in is seen where it must not be: `revoke` detaches that binding at once. */
const onTripwire = z.enum(['alert', 'revoke']);

const bearer = { type: z.literal('bearer') };
const basic = { type: z.literal('basic'), username: z.string().max(256).optional() };
const apiKey = {
  type: z.literal('api-key'),
  header: z.string().min(1).max(128),
  prefix: z.string().max(128).optional(),
};
const custom = {
  type: z.literal('custom'),
  headers: z
    .record(z.string().min(1).max(128), z.string().min(1).max(1024))
    .refine((headers) => Object.keys(headers).length >= 1 && Object.keys(headers).length <= 8, {
      error: 'must name 1 to 8 headers',
    }),
};

/** How a secret is written upstream; the vault judges header names, templates and user names. */
export const authRule = z.discriminatedUnion('type', [strict(bearer), strict(basic), strict(apiKey), strict(custom)]);

const hostRule = z.discriminatedUnion('type', [
  strict({ hosts, ...bearer }),
  strict({ hosts, ...basic }),
  strict({ hosts, ...apiKey }),
  strict({ hosts, ...custom }),
]);

export const authPerHost = strict({
  per_host: z
    .array(hostRule)
    .min(1, { error: 'must list 1 to 16 rules' })
    .max(16, { error: 'must list 1 to 16 rules' }),
});

export const createSecretRequest = strict({
  name: secretName,
  value,
  provider: z.string().min(1).max(64).optional(),
  auth: z
    .union([authRule, authPerHost], {
      error: ({ input }) =>
        typeof input === 'object' && input !== null && 'type' in input && 'per_host' in input
          ? 'must be one rule, or `per_host`, never both'
          : undefined,
    })
    .optional(),
  hosts: hosts.optional(),
  on_tripwire: onTripwire.optional(),
});

export const rotateSecretRequest = strict({ value: value.optional(), on_tripwire: onTripwire.optional() }).refine(
  (body) => body.value !== undefined || body.on_tripwire !== undefined,
  { error: 'required, unless on_tripwire is given', path: ['value'] },
);

export const authType = z.enum(['bearer', 'basic', 'api-key', 'custom', 'per_host']);

export const secretResponse = z.object({
  id: uuid,
  name: z.string(),
  auth_type: authType,
  /** The resolved rule without any value; `{per_host: [...]}` for several. */
  auth_config: z.record(z.string(), z.unknown()),
  hosts: z.array(z.string()),
  created_at: timestamp,
  updated_at: timestamp,
  provider_shortcut: z.string().nullable(),
  on_tripwire: onTripwire,
  last_used_at: timestamp.nullable(),
});

export const auditQuery = strict({
  limit: queryNumber({ min: 1, max: 200 }).default(50),
  before: queryNumber({ min: 1 }).optional(),
  status: z.enum(['2xx', '3xx', '4xx', '5xx', 'errors']).optional(),
  /** Tripwire events come only to those who ask for them. */
  kind: z.enum(['request', 'tripwire', 'all']).default('request'),
});

export const auditEvent = z.object({
  id: z.int(),
  ts: timestamp,
  sandbox_id: uuid,
  sandbox_name: z.string().nullable(),
  secret_id: uuid.nullable(),
  method: z.string().nullable(),
  host: z.string(),
  path: z.string().nullable(),
  status: z.int().nullable(),
  upstream_status: z.int().nullable(),
  latency_ms: z.number().nullable(),
  error_code: z.string().nullable(),
  /** Only of tripwire events: a stand-in of the secret was seen where it must not be. */
  tripwire: z
    .object({
      /** `own`: its sandbox sent it out of place; `leaked`: another sandbox sent it. */
      stand_in: z.enum(['own', 'leaked', 'foreign']),
      /** Where it stood: `header user-agent`, `path`, `query key`, `basic password`, ... */
      slot: z.string(),
      /** `revoke`: the binding was detached. */
      action: onTripwire,
    })
    .optional(),
});

export const sandboxStatus = z.enum(['active', 'paused', 'resuming', 'failed']);

export const secretBinding = z.object({
  sandbox_id: uuid,
  sandbox_name: z.string(),
  env_key: z.string(),
  status: sandboxStatus,
});

export const providerResponse = z.object({
  name: z.string(),
  display: z.string(),
  auth_type: authType,
  auth_config: z.record(z.string(), z.unknown()),
  hosts: z.array(z.string()),
  token_shape: z.string(),
});
