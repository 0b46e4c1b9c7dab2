import { z } from 'zod';
import { strict, text, timestamp, uuid } from './fields.ts';

export const createApiKeyRequest = strict({
  name: text({ min: 1, max: 128 }),
  /** May use what reaches the server's own machine: mounts of its directories. */
  operator: z.boolean().default(false),
});

export const apiKeyResponse = z.object({
  id: uuid,
  name: z.string(),
  /** The first characters, to tell keys apart. */
  hint: z.string(),
  operator: z.boolean(),
  created_at: timestamp,
  last_used_at: timestamp.nullable(),
});

/** The only answer that ever holds the key. */
export const createdApiKey = apiKeyResponse.extend({ key: z.string() });
