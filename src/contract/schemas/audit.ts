import { z } from 'zod';
import { queryNumber, strict, timestamp } from './fields.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be a SHA-256 as 64 lower-case hexadecimal digits' });

/** An end of the trail that an earlier call answered: both or neither. */
export const verifyAuditQuery = strict({
  since_id: queryNumber({ min: 0 }).optional(),
  since_hash: hash.optional(),
});

export const auditGap = z.object({
  id: z.int(),
  ts: timestamp,
  from: timestamp,
  to: timestamp,
  /** How many events were lost, where that is known. */
  lost: z.int().nullable(),
});

export const auditVerdict = z.object({
  /** What was walked and found whole. */
  segments: z.int(),
  events: z.int(),
  /** The end of it: keep both elsewhere, and give them as `since_id` and `since_hash` later. */
  last_id: z.int(),
  last_hash: hash,
  /** What could not be kept: how often, and the newest of them. */
  gaps: z.object({ count: z.int(), newest: z.array(auditGap) }),
  /** Where the trail first is not what was written; null where it is whole. */
  broken: z
    .object({ id: z.int(), how: z.enum(['edited', 'removed', 'inserted', 'cut_off', 'other_head', 'unlisted']) })
    .nullable(),
});
