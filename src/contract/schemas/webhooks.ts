import { z } from 'zod';
import { strict, text, timestamp, uuid } from './fields.ts';

const event = z.enum(['tripwire']);

export const createWebhookRequest = strict({
  url: text({ min: 1, max: 2048 }),
  events: z.array(event).min(1, { error: 'must list at least one event' }).max(16).default(['tripwire']),
});

export const webhookResponse = z.object({
  id: uuid,
  url: z.string(),
  events: z.array(event),
  created_at: timestamp,
});

/** The only answer that ever holds the signing secret: `whsec_` and base64, as Standard Webhooks has it. */
export const createdWebhook = webhookResponse.extend({ secret: z.string() });

export const queuedDelivery = z.object({
  /** The `webhook-id` that it will have. */
  delivery_id: z.string(),
});
