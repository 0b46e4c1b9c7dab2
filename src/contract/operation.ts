import type { z } from 'zod';
import type { ErrorCode } from '../errors.ts';

/**
 * `api-key`: `X-API-Key`, or the session cookie of a browser. `access-token`: a sandbox's own `X-Access-Token`, routed to it by
 * host name or header. `session`: the cookie alone, which these operations make and end.
 */
export type AuthKind = 'api-key' | 'access-token' | 'session' | 'none';

/** One call of the API, without its implementation. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** `{name}` stands for a segment. */
  readonly path: string;
  readonly summary: string;
  readonly auth: AuthKind;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** A `null` schema: no body (204), a WebSocket (101), or bytes (`mediaType`). */
  readonly success: { readonly status: number; readonly schema: z.ZodType | null; readonly mediaType?: string };
  /** Beyond those that any operation of its kind may answer: see `errorsOf`. */
  readonly errors: readonly ErrorCode[];
  /** The body is bytes of any length, whatever its type is called. */
  readonly bytes?: true;
  /** Its answer goes out as it is made. */
  readonly streamed?: true;
  /** `X-Next-Cursor` of its answer is the `before` of the next page; absent: there is none. */
  readonly paged?: true;
  /** After the HTTP exchange the connection becomes a WebSocket. */
  readonly webSocket?: true;
}

/** Every error code that an operation may answer. */
export function errorsOf(operation: Operation): ErrorCode[] {
  const codes = new Set<ErrorCode>(['forbidden', 'internal', ...operation.errors]);
  if (operation.auth !== 'none') codes.add('unauthorized').add('rate_limited');
  if (operation.params !== undefined) codes.add('not_found');
  if (operation.query !== undefined || operation.body !== undefined) codes.add('bad_request');
  if (operation.bytes === true) codes.add('bad_request');
  if (operation.body !== undefined) codes.add('payload_too_large').add('unsupported_media_type');
  return [...codes];
}
