import { z } from 'zod';
import { queryNumber, strict, uuid } from './fields.ts';
import { auditEvent } from './secrets.ts';

const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' });

/** What became of it: `blocked` by us, `failed` on the way or at the upstream's end, or `allowed`. */
export const requestVerdict = z.enum(['allowed', 'blocked', 'failed']);

const filters = {
  sandbox_id: uuid.optional(),
  /** The name of a live secret, or the id of any. */
  secret: z.string().min(1).max(128).optional(),
  /** Exactly this host. */
  host: z.string().min(1).max(255).toLowerCase().optional(),
  verdict: requestVerdict.optional(),
  /** By the status that the sandbox got; `errors`: 400 and above, or an error code. */
  status: z.enum(['2xx', '3xx', '4xx', '5xx', 'errors']).optional(),
  kind: z.enum(['request', 'tripwire', 'all']).default('all'),
};

export const requestsQuery = strict({
  limit: queryNumber({ min: 1, max: 200 }).default(50),
  /** The `next_cursor` of a page. */
  before: queryNumber({ min: 1 }).optional(),
  /** Of the time at which it began, inclusive. */
  since: time.optional(),
  /** Exclusive. */
  until: time.optional(),
  ...filters,
});

export const requestStreamQuery = strict(filters);

export const requestRow = auditEvent.extend({
  kind: z.enum(['request', 'tripwire']),
  /** As it is or was called; null: no secret was named. */
  secret_name: z.string().nullable(),
  verdict: requestVerdict,
});

export const requestPage = z.object({
  data: z.array(requestRow),
  next_cursor: z.string().nullable(),
  /** A page may be shorter than asked for, or empty, and yet have more after it: a search goes on from the cursor. */
  has_more: z.boolean(),
});

export const refusalExplained = z.object({ code: z.string(), cause: z.string(), cure: z.string() });

export const explainedStandIn = z.object({
  env_key: z.string().nullable(),
  secret_id: uuid,
  secret_name: z.string().nullable(),
  /** Where it stood: `header authorization`, `basic password`, `query key`, `path`, ... */
  slot: z.string(),
  swapped: z.boolean(),
});

export const requestExplanation = z.object({
  request: requestRow,
  /** `basic`: put down before these details were. */
  detail: z.enum(['full', 'basic']),
  /** What happened, in sentences. */
  text: z.array(z.string()),
  stand_ins: z.array(explainedStandIn),
  /** What the sandbox's network rules said; `rule` null: none decided. */
  network: z.object({ verdict: z.enum(['allowed', 'blocked']), rule: z.string().nullable() }).nullable(),
  /** What was dialled; null: nothing was, or it was not put down. */
  connection: z
    .object({
      address: z.string(),
      port: z.int(),
      /** Null: cleartext. */
      tls: z.string().nullable(),
      alpn: z.string().nullable(),
      /** The name that the certificate was verified for. */
      certificate_name: z.string().nullable(),
      reused: z.boolean(),
    })
    .nullable(),
  /** In order, each with milliseconds; a step that there was not is not listed. */
  steps: z.array(
    z.object({
      name: z.enum(['judged', 'value_opened', 'dialled', 'tls', 'connected', 'first_byte', 'body']),
      ms: z.number(),
    }),
  ),
  /** Where a real value was taken out of the answer. */
  scrubbed: z.array(z.object({ place: z.enum(['head', 'body']), count: z.int() })),
  refused: refusalExplained.nullable(),
});

/** The id of an event, as its row has it. */
export const eventId = queryNumber({ min: 1 });
