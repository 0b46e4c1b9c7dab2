/**
 * The closed set of things that can go wrong at the control plane, as stable tags. No HTTP here: `api/problems.ts` maps
 * a code to a status and a body.
 */
export const errorCodes = [
  'bad_request',
  'unauthorized',
  'forbidden',
  'not_found',
  'conflict',
  'payload_too_large',
  'unsupported_media_type',
  'rate_limited',
  'too_many_sandboxes',
  'internal',
  'unavailable',
  'sandbox_storage_full',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** A refusal or failure with a stable code. `message` is shown to the caller: it never holds a secret's value. */
export class StandinError extends Error {
  readonly code: ErrorCode;
  /** The input field at fault, as a dotted path (`auth.per_host.0.hosts`), where there is one. */
  readonly field: string | undefined;
  /** Seconds after which trying again makes sense. */
  readonly retryAfter: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { field?: string; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StandinError';
    this.code = code;
    this.field = options.field;
    this.retryAfter = options.retryAfter;
  }
}

/** `400` for one field: what is wrong and what would be right. */
export function badField(field: string, message: string): StandinError {
  return new StandinError('bad_request', `${field}: ${message}`, { field });
}

/** Start-up cannot go on. The CLI prints `message` (what, and what to do) as one line and exits 1. */
export class StartupError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StartupError';
  }
}
