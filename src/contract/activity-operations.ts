import { z } from 'zod';
import type { Operation } from './operation.ts';
import {
  activityMap,
  activityMapQuery,
  activityQuery,
  activityResponse,
  secretUsage,
  secretUsageQuery,
} from './schemas/activity.ts';
import { eventId, requestExplanation, requestPage, requestsQuery, requestStreamQuery } from './schemas/requests.ts';

/** What the proxy did for a team, as rows, as they come, and in figures. */
export const activityOperations = {
  listRequests: {
    method: 'GET',
    path: '/requests',
    summary: 'Requests and tripwires of the team, newest first',
    auth: 'api-key',
    query: requestsQuery,
    success: { status: 200, schema: requestPage },
    errors: ['unavailable'],
  },
  streamRequests: {
    method: 'GET',
    path: '/requests/stream',
    summary: 'The same as they come, as server-sent events; `Last-Event-ID` resumes',
    auth: 'api-key',
    query: requestStreamQuery,
    success: { status: 200, schema: null, mediaType: 'text/event-stream' },
    errors: ['rate_limited', 'unavailable'],
    streamed: true,
  },
  explainRequest: {
    method: 'GET',
    path: '/requests/{id}/explain',
    summary: 'Why a request was swapped, passed on or refused, and what was done for it',
    auth: 'api-key',
    params: z.object({ id: eventId }),
    success: { status: 200, schema: requestExplanation },
    errors: [],
  },
  getActivity: {
    method: 'GET',
    path: '/activity',
    summary: 'Requests, refusals, tripwires, failures and latencies of the team over time',
    auth: 'api-key',
    query: activityQuery,
    success: { status: 200, schema: activityResponse },
    errors: ['unavailable'],
  },
  getActivityMap: {
    method: 'GET',
    path: '/activity/map',
    summary: 'Which sandbox used which secret at which host, the busiest first',
    auth: 'api-key',
    query: activityMapQuery,
    success: { status: 200, schema: activityMap },
    errors: ['unavailable'],
  },
  listSecretUsage: {
    method: 'GET',
    path: '/activity/secrets',
    summary: 'Uses of each secret over time; `X-Next-Cursor` leads to the next page',
    auth: 'api-key',
    query: secretUsageQuery,
    success: { status: 200, schema: z.array(secretUsage) },
    errors: ['unavailable'],
    paged: true,
  },
} as const satisfies Record<string, Operation>;
