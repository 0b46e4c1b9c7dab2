import { z } from 'zod';
import { queryNumber, secretName, strict, timestamp, uuid } from './fields.ts';

const window = z.enum(['1h', '24h', '7d'], { error: 'must be `1h`, `24h` or `7d`' });
const count = z.int();

export const activityQuery = strict({ window: window.default('24h') });

export const activityBucket = z.object({
  /** Its beginning. */
  at: timestamp,
  /** All of them, those that were refused or failed too. */
  requests: count,
  /** Those that we refused. */
  refusals: count,
  tripwires: count,
  /** Those that failed on the way, or at the upstream. */
  failures: count,
  /** Of the requests that were answered, milliseconds; null: there were none. Within 5% of the exact figure. */
  p50_ms: z.number().nullable(),
  p95_ms: z.number().nullable(),
  p99_ms: z.number().nullable(),
});

export const activityResponse = z.object({
  from: timestamp,
  to: timestamp,
  bucket_seconds: count,
  /** Every one of the window, oldest first, empty ones too. */
  buckets: z.array(activityBucket),
});

export const activityMapQuery = strict({
  window: window.default('24h'),
  limit: queryNumber({ min: 1, max: 200 }).default(100),
});

export const activityMap = z.object({
  from: timestamp,
  to: timestamp,
  /** The busiest first. */
  edges: z.array(
    z.object({
      sandbox_id: uuid,
      /** Null once the sandbox is deleted. */
      sandbox_name: z.string().nullable(),
      /** Null: a request without a stand-in. */
      secret_name: z.string().nullable(),
      host: z.string(),
      requests: count,
      refusals: count,
    }),
  ),
  /** There are more than these. */
  capped: z.boolean(),
});

const listing = {
  limit: queryNumber({ min: 1, max: 200 }),
  /** The cursor of the page before: its `X-Next-Cursor`. */
  before: z.string().min(1).max(512).optional(),
  /** Part of a name or host, or a provider; without regard to case. */
  search: z.string().min(1).max(128).optional(),
  /** `-` before it: from the other end. */
  sort: z.enum(['name', '-name', 'created_at', '-created_at', 'last_used_at', '-last_used_at'], {
    error: 'must be `name`, `created_at` or `last_used_at`, with `-` before it for the other end first',
  }),
};

/** Without any of them: all secrets in one answer, newest first. */
export const listSecretsQuery = strict({
  limit: listing.limit.optional(),
  before: listing.before,
  search: listing.search,
  sort: listing.sort.optional(),
});

export const secretUsageQuery = strict({
  window: z.enum(['24h', '7d'], { error: 'must be `24h` or `7d`' }).default('24h'),
  limit: listing.limit.default(50),
  before: listing.before,
  search: listing.search,
  sort: listing.sort.default('-created_at'),
});

export const secretUsage = z.object({
  name: secretName,
  provider_shortcut: z.string().nullable(),
  bound_sandboxes: count,
  /** Requests within the window that carried its stand-in in its slot, and were let through. */
  uses: count,
  refusals: count,
  last_used_at: timestamp.nullable(),
  /** Uses: an hour each (`24h`, 24 of them), or six (`7d`, 28 of them), oldest first; the last one is the present. */
  buckets: z.array(count),
});

export const secretVersion = z.object({
  version: z.int(),
  created_at: timestamp,
  /** Null: the current one. */
  retired_at: timestamp.nullable(),
});
