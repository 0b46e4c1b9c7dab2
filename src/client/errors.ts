import type { ErrorCode } from '../errors.ts';

/** What is known of a failure beside its words. */
export interface FailureDetails {
  /** Stable: one of the server's codes, or `connection_failed`, `timeout`, `unexpected_answer`. */
  code: string;
  /** The HTTP status, where a server answered. */
  status?: number | undefined;
  /** Seconds after which trying again makes sense, where the server said so. */
  retryAfter?: number | undefined;
  /** To find the same call in the server's log. */
  requestId?: string | undefined;
  cause?: unknown;
}

/** Whatever goes wrong in a call, but for its being aborted: that rejects with the signal's own reason, as `fetch` does. */
export class StandinError extends Error {
  /** Said by itself: a bundler gives classes names of its own. */
  static override readonly name: string = 'StandinError';
  /** Stable: one of the server's codes, or `connection_failed`, `timeout`, `unexpected_answer`. */
  readonly code: string;
  /** The HTTP status, where a server answered. */
  readonly status: number | undefined;
  /** Seconds after which trying again makes sense, where the server said so. */
  readonly retryAfter: number | undefined;
  /** To find the same call in the server's log. */
  readonly requestId: string | undefined;

  constructor(message: string, details: FailureDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code;
    this.status = details.status;
    this.retryAfter = details.retryAfter;
    this.requestId = details.requestId;
  }

  /** The status under the name that `@superserve/sdk` has for it. */
  get statusCode(): number | undefined {
    return this.status;
  }
}

/** The server refused or failed: its stable code (see `errorCodes`), its HTTP status, and its own words. */
export class ApiError extends StandinError {
  static override readonly name: string = 'ApiError';
  declare readonly status: number;
}

/** 400, 413, 415: what was sent is not what the API takes; the message names the field. */
export class ValidationError extends ApiError {
  static override readonly name: string = 'ValidationError';
}

/** 401: no API key, or one that the server does not know. */
export class AuthenticationError extends ApiError {
  static override readonly name: string = 'AuthenticationError';
}

/** 403: the key is right, and may not do this. */
export class PermissionDeniedError extends AuthenticationError {
  static override readonly name: string = 'PermissionDeniedError';
}

/** 404: there is none, or it is another team's. */
export class NotFoundError extends ApiError {
  static override readonly name: string = 'NotFoundError';
}

/** 409: a name that is taken, or a state in which this cannot be done. */
export class ConflictError extends ApiError {
  static override readonly name: string = 'ConflictError';
}

/** 429: too many requests (`rate_limited`), or the team has as many sandboxes as it may (`too_many_sandboxes`). */
export class RateLimitError extends ApiError {
  static override readonly name: string = 'RateLimitError';
}

/** 5xx: the server failed. */
export class ServerError extends ApiError {
  static override readonly name: string = 'ServerError';
}

/** 503: it cannot be done now; nothing was begun. */
export class UnavailableError extends ServerError {
  static override readonly name: string = 'UnavailableError';
}

/** 507: the sandbox's disk is full. */
export class StorageFullError extends ServerError {
  static override readonly name: string = 'StorageFullError';
}

/** The wait for an answer was longer than `timeoutMs`. Whether the call was carried out is not known. */
export class TimeoutError extends StandinError {
  static override readonly name: string = 'TimeoutError';
  constructor(message: string) {
    super(message, { code: 'timeout' });
  }
}

/** Nobody answered at the base URL, or the connection broke. */
export class ConnectionError extends StandinError {
  static override readonly name: string = 'ConnectionError';
  readonly baseUrl: string;

  constructor(message: string, options: { baseUrl: string; cause?: unknown }) {
    super(message, { code: 'connection_failed', cause: options.cause });
    this.baseUrl = options.baseUrl;
  }
}

/** Something answered at the base URL, but not in the words of the contract: another server, or another version. */
export class UnexpectedAnswerError extends StandinError {
  static override readonly name: string = 'UnexpectedAnswerError';
  constructor(message: string) {
    super(message, { code: 'unexpected_answer' });
  }
}

type ApiErrorClass = new (message: string, details: FailureDetails & { status: number }) => ApiError;

const classOf: Record<ErrorCode, ApiErrorClass> = {
  bad_request: ValidationError,
  payload_too_large: ValidationError,
  unsupported_media_type: ValidationError,
  unauthorized: AuthenticationError,
  forbidden: PermissionDeniedError,
  not_found: NotFoundError,
  conflict: ConflictError,
  rate_limited: RateLimitError,
  too_many_sandboxes: RateLimitError,
  internal: ServerError,
  unavailable: UnavailableError,
  sandbox_storage_full: StorageFullError,
};

/** The server's refusal in the class of its code; an ApiError where a newer server has a code that is not known here. */
export function apiError(message: string, details: FailureDetails & { status: number }): ApiError {
  const known = Object.entries(classOf).find(([code]) => code === details.code);
  return new (known?.[1] ?? (details.status >= 500 ? ServerError : ApiError))(message, details);
}
