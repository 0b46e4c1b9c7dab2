/** The server refused or failed: its stable code (see `errorCodes`), its HTTP status, and its own words. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  /** Seconds after which trying again makes sense, where the server said so. */
  readonly retryAfter: number | undefined;
  /** To find the same call in the server's log. */
  readonly requestId: string | undefined;

  constructor(
    message: string,
    details: { code: string; status: number; retryAfter?: number | undefined; requestId?: string | undefined },
  ) {
    super(message);
    this.name = 'ApiError';
    this.code = details.code;
    this.status = details.status;
    this.retryAfter = details.retryAfter;
    this.requestId = details.requestId;
  }
}

/** Nobody answered at the base URL, or the connection broke. */
export class ConnectionError extends Error {
  readonly baseUrl: string;

  constructor(message: string, options: { baseUrl: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ConnectionError';
    this.baseUrl = options.baseUrl;
  }
}

/** Something answered at the base URL, but not in the words of the contract: another server, or another version. */
export class UnexpectedAnswerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnexpectedAnswerError';
  }
}
