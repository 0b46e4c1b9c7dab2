import { z } from 'zod';
import { strict, text } from './fields.ts';
import { refusalExplained } from './requests.ts';

const method = z.string().regex(/^[A-Z]{3,16}$/, { error: 'must be a method in capitals, such as GET' });
const url = text({ min: 1, max: 2048 });

export const testSecretRequest = strict({ method: method.optional(), url: url.optional() }).optional();

export const secretTest = z.object({
  /** `unknown`: the answer says neither that the key works nor that it does not. */
  works: z.union([z.boolean(), z.literal('unknown')]),
  /** What the provider answered; null: nothing came back. */
  status: z.int().nullable(),
  latency_ms: z.int().nullable(),
  method: z.string(),
  host: z.string(),
  path: z.string(),
  explanation: z.string(),
});

export const explainSecretRequest = strict({
  method: method.default('GET'),
  url,
  /** The stand-in is written as `{{stand_in}}`, also within Basic credentials: `Basic {{base64 user:{{stand_in}}}}`. */
  headers: z
    .record(text({ min: 1, max: 128 }), text({ max: 4096 }))
    .refine((headers) => Object.keys(headers).length <= 64, { error: 'must name 64 headers or fewer' })
    .default({}),
});

export const secretExplanation = z.object({
  /** `swapped`: the real value would go out; `passed`: it would go as it is, without a credential. */
  outcome: z.enum(['swapped', 'passed', 'refused']),
  host: z.string(),
  /** Where the stand-in stood and whether it would be swapped there. */
  stand_ins: z.array(z.object({ slot: z.string(), swapped: z.boolean() })),
  /** The header lines or the query parameter that would be written, with `{{value}}` for the value. */
  would_send: z.array(z.string()),
  refused: refusalExplained.nullable(),
  explanation: z.string(),
});
