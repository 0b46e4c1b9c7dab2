import { StandinError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

/** The one place where a code becomes a status. */
export const statusOf: Record<ErrorCode, number> = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  too_many_sandboxes: 429,
  internal: 500,
  unavailable: 503,
  sandbox_storage_full: 507,
};

export interface Problem {
  status: number;
  headers: Record<string, string>;
  body: { error: { code: ErrorCode; message: string } };
}

/** What Fastify itself refuses, in our words: its own may repeat what was sent. */
const frameworkRefusals: Record<string, [ErrorCode, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'the request body is over 64 KiB'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'the Content-Type must be application/json'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad_request', 'the request body is not as long as its Content-Length says'],
  FST_ERR_CTP_INVALID_TYPE: ['unsupported_media_type', 'the Content-Type must be application/json'],
  FST_ERR_BAD_URL: ['bad_request', 'the path has a percent escape that is none'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'nothing has a name that long'],
};

/** Whatever was thrown, as the caller sees it. What nobody foresaw is `internal` and says no more than a request id. */
export function problemOf(error: unknown, requestId: string): Problem {
  if (error instanceof StandinError && error.code !== 'internal') {
    return problem(error.code, error.message, error.retryAfter);
  }
  const known = error instanceof Error && 'code' in error ? frameworkRefusals[String(error.code)] : undefined;
  if (known !== undefined) return problem(...known);
  return problem('internal', `something failed inside the server; its log has more under request id ${requestId}`);
}

export function problem(code: ErrorCode, message: string, retryAfter?: number): Problem {
  return {
    status: statusOf[code],
    headers: retryAfter === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfter))) },
    body: { error: { code, message } },
  };
}
