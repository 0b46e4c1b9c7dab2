import { AuthenticationError } from '../errors.ts';
import { createExecStream } from '../exec-events.ts';
import type { ExecStream } from '../exec-events.ts';
import { createFileRequest } from '../files.ts';
import type { FileRequest } from '../files.ts';
import { createWatchRequests } from '../request-events.ts';
import type { WatchRequests } from '../request-events.ts';
import { createCall } from '../transport.ts';
import type { Call } from '../transport.ts';

/** Which server, by which key, and how patiently. Every method that makes a call takes them. */
export interface ConnectionOptions {
  /** Default: `STANDIN_API_KEY` of the environment; in a page, the session of whoever signed in at its origin. */
  apiKey?: string;
  /** Default: `STANDIN_URL` of the environment, else the page's own origin in a browser, else `http://127.0.0.1:8787`. */
  baseUrl?: string;
  /** Aborting it ends the call: it rejects with the signal's reason. Not kept for later calls. */
  signal?: AbortSignal;
  /** Milliseconds that a call may take, attempts and waits included. Default: 30,000. Then it throws TimeoutError. */
  timeoutMs?: number;
  /** How often a call is made again at most, where that cannot do its work twice. Default: 2. */
  retries?: number;
  /** Domain of the data plane and of previews (`STANDIN_DATAPLANE_DOMAIN`). Default: `sandbox.localhost`. */
  domain?: string;
  /** Another `fetch`. Default: the global one. */
  fetch?: typeof fetch;
}

/** What a single call takes. */
export interface CallOptions {
  /** Aborting it ends the call: it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Milliseconds that the call may take. Default: that of the connection, else 30,000. */
  timeoutMs?: number;
}

/** A server that was found, and the ways to call it. */
export interface Connection {
  readonly baseUrl: string;
  readonly domain: string;
  readonly call: Call;
  readonly files: FileRequest;
  readonly execStream: ExecStream;
  readonly watchRequests: WatchRequests;
  /** The limits of one call: its own, with the connection's time where it has none. */
  limits(options: CallOptions): { signal: AbortSignal | undefined; timeoutMs: number };
}

const defaultTimeoutMs = 30_000;
const defaultRetries = 2;
const defaultDomain = 'sandbox.localhost';
const defaultUrl = 'http://127.0.0.1:8787';

/** Throws AuthenticationError where there is no key. Nothing is sent. */
export function connectionOf(options: ConnectionOptions = {}): Connection {
  const apiKey = options.apiKey ?? variable('STANDIN_API_KEY');
  // A page of the API's own origin may be signed in by its cookie.
  if (apiKey === undefined && pageOrigin() === undefined) {
    const message = 'there is no API key: pass `apiKey`, or set STANDIN_API_KEY';
    throw new AuthenticationError(message, { code: 'unauthorized', status: 401 });
  }
  const baseUrl = (options.baseUrl ?? variable('STANDIN_URL') ?? pageOrigin() ?? defaultUrl).replace(/\/+$/, '');
  const settings = {
    baseUrl,
    ...(apiKey === undefined ? {} : { apiKey }),
    retries: options.retries ?? defaultRetries,
    fetch: options.fetch,
  };
  return {
    baseUrl,
    domain: options.domain ?? defaultDomain,
    call: createCall(settings),
    files: createFileRequest(settings),
    execStream: createExecStream(settings),
    watchRequests: createWatchRequests(settings),
    limits: ({ signal, timeoutMs }) => ({ signal, timeoutMs: timeoutMs ?? options.timeoutMs ?? defaultTimeoutMs }),
  };
}

/** A variable of the environment, where there is one: a browser has none. */
function variable(name: string): string | undefined {
  const text = typeof process === 'undefined' ? undefined : process.env?.[name];
  return text === '' ? undefined : text;
}

function pageOrigin(): string | undefined {
  const location: unknown = Reflect.get(globalThis, 'location');
  if (typeof location !== 'object' || location === null || !('origin' in location)) return undefined;
  return typeof location.origin === 'string' && location.origin.startsWith('http') ? location.origin : undefined;
}
