import type { Operation } from './operation.ts';
import { createSessionRequest, sessionResponse } from './schemas/sessions.ts';

/** How a browser signs in: the key is exchanged for a cookie that no script can read. */
export const sessionOperations = {
  createSession: {
    method: 'POST',
    path: '/session',
    summary: 'Sign in with an API key; the cookie `standin_session` then stands for it',
    auth: 'session',
    body: createSessionRequest,
    success: { status: 200, schema: sessionResponse },
    errors: [],
  },
  getSession: {
    method: 'GET',
    path: '/session',
    summary: 'Who is signed in by the cookie',
    auth: 'session',
    success: { status: 200, schema: sessionResponse },
    errors: [],
  },
  deleteSession: {
    method: 'DELETE',
    path: '/session',
    summary: 'Sign out; the session ends at once',
    auth: 'session',
    success: { status: 204, schema: null },
    errors: [],
  },
} as const satisfies Record<string, Operation>;
