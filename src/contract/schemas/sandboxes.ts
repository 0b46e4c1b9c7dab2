import { z } from 'zod';
import { envKey, queryNumber, secretName, strict, text, timestamp, uuid, wholeNumber } from './fields.ts';
import { previewAccess } from './previews.ts';
import { sandboxStatus } from './secrets.ts';

const metadata = z
  .record(
    text({ min: 1, max: 256 }).refine((key) => !key.startsWith('superserve.') && !key.startsWith('_superserve'), {
      error: 'must not start with `superserve.` or `_superserve`: those names are reserved',
    }),
    text({ max: 2048 }),
  )
  .refine((entries) => Object.keys(entries).length <= 64, { error: 'must have 64 keys or fewer' })
  .refine((entries) => bytesOf(entries) <= 16_384, { error: 'must be 16384 bytes or fewer in all' });

function bytesOf(entries: Record<string, string>): number {
  return new TextEncoder().encode(Object.entries(entries).flat().join('')).length;
}

const network = strict({
  /** CIDRs, domains and `*.domains`. */
  allow_out: z.array(z.string().min(1).max(255)).max(256).nullable().optional(),
  /** CIDRs only. */
  deny_out: z.array(z.string().min(1).max(255)).max(256).nullable().optional(),
  /** Which TLS the proxy opens: all of it, or only that to hosts which a secret of this sandbox names. */
  intercept: z.enum(['all', 'bound'], { error: 'must be `all` or `bound`' }).optional(),
  /** Domains and `*.domains` whose TLS is never opened, for clients that pin certificates. */
  tunnel_out: z.array(z.string().min(1).max(255)).max(256).optional(),
});

const absolutePath = text({ min: 1, max: 4096 }).refine((path) => path.startsWith('/'), {
  error: 'must be an absolute path',
});

const mount = strict({ source: absolutePath, target: absolutePath, read_only: z.boolean().default(false) });

const timeoutSeconds = wholeNumber({ min: 1, max: 604_800 });
const autoDeleteSeconds = wholeNumber({ min: 0, max: 2_592_000 });

export const createSandboxRequest = strict({
  name: text({ min: 1, max: 256 }).refine((name) => Array.from(name).length <= 64, {
    error: 'must be 1 to 64 characters',
  }),
  secrets: z
    .record(envKey, secretName)
    .refine((entries) => Object.keys(entries).length <= 64, { error: 'must bind 64 secrets or fewer' })
    .optional(),
  env_vars: z.record(envKey, text({ max: 32_768 })).optional(),
  network: network.optional(),
  metadata: metadata.optional(),
  timeout_seconds: timeoutSeconds.optional(),
  auto_delete_seconds: autoDeleteSeconds.optional(),
  from_template: z.string().min(1).max(128).optional(),
  driver: z.string().min(1).max(32).optional(),
  /** What a port that is published without a word is; `private` where nothing is said. */
  preview_access: previewAccess.optional(),
  mounts: z.array(mount).max(16, { error: 'must list 16 mounts or fewer' }).optional(),
});

export const updateSandboxRequest = strict({
  network: network.optional(),
  metadata: metadata.optional(),
  timeout_seconds: timeoutSeconds.nullable().optional(),
  auto_delete_seconds: autoDeleteSeconds.nullable().optional(),
  preview_access: previewAccess.optional(),
}).refine((change) => Object.keys(change).length > 0, { error: 'must change something' });

export const attachSecretRequest = strict({ env_key: envKey, secret_name: secretName });

/** Official clients know these too; no sandbox here is ever seen in one. */
const passingStatuses = ['starting', 'pausing', 'migrating', 'deleted'] as const;

/** `metadata.<key>=<value>` arrives here as one object. */
export const listSandboxesQuery = strict({
  /** One, or several with commas between them. */
  status: z
    .string()
    .transform((value, context) => {
      const names = value.split(',');
      const known = z.array(z.enum([...sandboxStatus.options, ...passingStatuses])).safeParse(names);
      if (known.success) return sandboxStatus.options.filter((each) => names.includes(each));
      const message = `must be one of ${sandboxStatus.options.join(', ')}, or several with commas between them`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .optional(),
  /** Absent: all of them. */
  limit: queryNumber({ min: 1, max: 1000 }).optional(),
  offset: queryNumber({ min: 0 }).default(0),
  metadata: z.record(z.string(), z.string()).optional(),
});

export const sandboxResponse = z.object({
  id: uuid,
  name: z.string(),
  status: sandboxStatus,
  driver: z.string(),
  vcpu_count: z.int(),
  memory_mib: z.int(),
  created_at: timestamp,
  timeout_seconds: z.int().optional(),
  auto_delete_seconds: z.int().optional(),
  auto_delete_at: timestamp.optional(),
  network: z
    .object({
      allow_out: z.array(z.string()).optional(),
      deny_out: z.array(z.string()).optional(),
      intercept: z.enum(['all', 'bound']).optional(),
      tunnel_out: z.array(z.string()).optional(),
    })
    .optional(),
  metadata: z.record(z.string(), z.string()),
  /** What a port that is published without a word is. */
  preview_access: previewAccess,
  secrets: z.array(z.object({ env_key: z.string(), secret_name: z.string(), revoked: z.boolean() })),
});

/** How a sandbox that is run elsewhere reaches the proxy. */
export const egressResponse = z.object({
  /** Carries the proxy token only where that was just made. */
  proxy_url: z.string(),
  ca_pem: z.string(),
  /** Every variable to set: the sandbox's own, stand-ins, proxy and trust. */
  env: z.record(z.string(), z.string()),
});

export const sandboxWithAccess = sandboxResponse.extend({ access_token: z.string(), egress: egressResponse });

export const attachedSecret = z.object({ env_key: z.string(), secret_name: z.string() });

export const resumedSandbox = z.object({ id: uuid, status: sandboxStatus, access_token: z.string() });

export const networkLogQuery = strict({
  limit: queryNumber({ min: 1, max: 200 }).default(50),
  before: z.string().min(1).max(64).optional(),
  since: z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' }).optional(),
  verdict: z.enum(['allowed', 'blocked', 'failed']).optional(),
});

const networkLogRow = z.object({
  kind: z.enum(['connection', 'request']),
  id: z.int(),
  ts: timestamp,
  host: z.string(),
  dst_ip: z.string().nullable().optional(),
  dst_port: z.int().nullable().optional(),
  verdict: z.enum(['allowed', 'blocked', 'failed']).nullable().optional(),
  match_rule: z.string().nullable().optional(),
  bytes_sent: z.int().nullable().optional(),
  bytes_recv: z.int().nullable().optional(),
  method: z.string().nullable().optional(),
  path: z.string().nullable().optional(),
  status: z.int().nullable().optional(),
  upstream_status: z.int().nullable().optional(),
  latency_ms: z.int().nullable().optional(),
  secret_id: uuid.nullable().optional(),
  error_code: z.string().nullable().optional(),
});

export const networkLogPage = z.object({
  data: z.array(networkLogRow),
  next_cursor: z.string().nullable(),
  has_more: z.boolean(),
});
