import { z } from 'zod';
import { strict, text, timestamp, uuid } from './fields.ts';

export const createSessionRequest = strict({ api_key: text({ min: 1, max: 1024 }) });

/** Who is signed in. The session itself is in the cookie, and nowhere else. */
export const sessionResponse = z.object({
  team: z.object({ id: uuid, name: z.string() }),
  key: z.object({ id: uuid, name: z.string(), operator: z.boolean() }),
  /** Moves on as it is used. */
  expires_at: timestamp,
});
