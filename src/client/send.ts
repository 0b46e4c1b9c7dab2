import { pause } from './deadline.ts';
import { ConnectionError } from './errors.ts';

export type Body = NonNullable<RequestInit['body']>;

/** One HTTP request, ready to go. */
export interface Outgoing {
  method: string;
  url: URL | string;
  headers: Record<string, string>;
  body?: Body | undefined;
  signal?: AbortSignal | undefined;
}

export interface SendOptions {
  /** `http://127.0.0.1:8787`. */
  baseUrl: string;
  fetch?: typeof fetch | undefined;
  /** How often a request is sent again at most, where that is safe. Absent: never. */
  retries?: number | undefined;
}

/** Sends it and resolves with the head of whatever answer came. Throws ConnectionError, or the signal's reason. */
export type Send = (request: Outgoing) => Promise<Response>;

const firstWaitMs = 200;
const longestWaitMs = 5000;
/** A server that wants to be left alone for longer is not waited for: its answer goes to the caller. */
const longestRetryAfterMs = 30_000;

/** What a request that is sent twice does once. */
const idempotent = new Set(['GET', 'DELETE']);

/** Failures before the first byte went out, as Node names them. A browser does not tell. */
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * A request is sent again only where that cannot do its work twice: the method is idempotent (RFC 9110, section 9.2.2)
 * and the connection broke or a gateway answered; nothing of it was sent; or the server refused it with 429 or 503 and
 * said in `Retry-After` when to come back.
 */
export function createSend({ baseUrl, fetch: given, retries = 0 }: SendOptions): Send {
  async function attempt(request: Outgoing): Promise<Response | ConnectionError> {
    const { url, body, ...rest } = request;
    const streamed = body instanceof ReadableStream;
    const init: RequestInit & { duplex?: 'half' } = {
      ...rest,
      // A redirect would carry the key to whoever it names.
      redirect: 'error',
      signal: request.signal ?? null,
      ...(body === undefined ? {} : { body }),
      ...(streamed ? { duplex: 'half' } : {}),
    };
    try {
      return await (given ?? fetch)(url, init);
    } catch (cause) {
      if (request.signal?.aborted === true) throw cause;
      return new ConnectionError(`no server answers at ${baseUrl}`, { baseUrl, cause });
    }
  }

  return async (request) => {
    for (let tries = 0; ; tries += 1) {
      const outcome = await attempt(request);
      const wait = tries < retries ? waitOf(outcome, request, tries) : undefined;
      if (wait === undefined) {
        if (outcome instanceof ConnectionError) throw outcome;
        return outcome;
      }
      if (!(outcome instanceof ConnectionError)) await outcome.body?.cancel();
      await pause(wait, request.signal);
    }
  };
}

/** Milliseconds until it may be sent again; undefined where it may not. */
function waitOf(outcome: Response | ConnectionError, request: Outgoing, tries: number): number | undefined {
  // What was read of a stream is gone.
  if (request.body instanceof ReadableStream) return undefined;
  const again = idempotent.has(request.method);
  const backoff = Math.random() * Math.min(longestWaitMs, firstWaitMs * 2 ** tries);
  if (outcome instanceof ConnectionError) return again || wasNeverSent(outcome.cause) ? backoff : undefined;
  const { status } = outcome;
  const named = status === 429 || status === 503 ? retryAfterMs(outcome.headers) : undefined;
  if (named !== undefined) return named <= longestRetryAfterMs ? named + backoff : undefined;
  return again && [502, 503, 504].includes(status) ? backoff : undefined;
}

/** RFC 9110, section 10.2.3: seconds, or a date. Undefined where it has neither. */
export function retryAfterMs(headers: Headers): number | undefined {
  const text = headers.get('retry-after');
  if (text === null) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

function wasNeverSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && neverSent.has(String(error.code))) return true;
  return error.cause !== undefined && wasNeverSent(error.cause);
}
