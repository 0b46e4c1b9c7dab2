import { z } from 'zod';
import type { Operation } from './operation.ts';
import { uuid } from './schemas/fields.ts';
import { createWebhookRequest, createdWebhook, queuedDelivery, webhookResponse } from './schemas/webhooks.ts';

const byId = z.object({ id: uuid });

/** Where events of a team are sent. */
export const webhookOperations = {
  createWebhook: {
    method: 'POST',
    path: '/webhooks',
    summary: 'Send events of this team to a URL; the secret that signs them is shown this once',
    auth: 'api-key',
    body: createWebhookRequest,
    success: { status: 201, schema: createdWebhook },
    errors: ['conflict'],
  },
  listWebhooks: {
    method: 'GET',
    path: '/webhooks',
    summary: 'The webhooks of this team, newest first',
    auth: 'api-key',
    success: { status: 200, schema: z.array(webhookResponse) },
    errors: [],
  },
  deleteWebhook: {
    method: 'DELETE',
    path: '/webhooks/{id}',
    summary: 'Send no more to it; what waits for it is dropped',
    auth: 'api-key',
    params: byId,
    success: { status: 204, schema: null },
    errors: [],
  },
  testWebhook: {
    method: 'POST',
    path: '/webhooks/{id}/test',
    summary: 'Queue an event of type `test` for it',
    auth: 'api-key',
    params: byId,
    success: { status: 202, schema: queuedDelivery },
    errors: ['conflict'],
  },
} as const satisfies Record<string, Operation>;
