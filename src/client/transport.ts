import { operations } from '../contract/operations.ts';
import type { Answer, OperationId, Params, Query, RequestBody } from '../contract/operations.ts';
import type { Operation } from '../contract/operation.ts';
import { errorEnvelope } from '../contract/schemas/system.ts';
import { ApiError, ConnectionError, UnexpectedAnswerError } from './errors.ts';

export interface ClientOptions {
  /** `http://127.0.0.1:8787`. */
  baseUrl: string;
  /** Not needed for `health` alone. */
  apiKey?: string;
  fetch?: typeof fetch;
}

export interface CallInput<Id extends OperationId> {
  params?: Params<Id>;
  query?: Partial<Query<Id>>;
  body?: RequestBody<Id>;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/** Makes one call of the contract. Throws ApiError, ConnectionError or UnexpectedAnswerError. */
export type Call = <Id extends OperationId>(id: Id, input?: CallInput<Id>) => Promise<Answer<Id>>;

export function createCall(options: ClientOptions): Call;
export function createCall(options: ClientOptions) {
  const send = options.fetch ?? fetch;
  return async (id: OperationId, input: CallInput<OperationId> = {}): Promise<unknown> => {
    const operation: Operation = operations[id];
    const headers: Record<string, string> = { accept: 'application/json', ...input.headers };
    if (operation.auth === 'api-key' && options.apiKey !== undefined) headers['x-api-key'] = options.apiKey;
    if (input.body !== undefined) headers['content-type'] = 'application/json';
    let response: Response;
    try {
      response = await send(urlOf(options.baseUrl, operation, input), {
        method: operation.method,
        headers,
        // A redirect would carry the key to whoever it names.
        redirect: 'error',
        ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
        ...(input.signal === undefined ? {} : { signal: input.signal }),
      });
    } catch (error) {
      if (input.signal?.aborted === true) throw error;
      throw new ConnectionError(`no server answers at ${options.baseUrl}`, { baseUrl: options.baseUrl, cause: error });
    }
    if (response.status !== operation.success.status) throw await refusal(response, operation);
    return answer(response, operation);
  };
}

type QueryValue = string | number | readonly string[] | Record<string, string> | undefined;

function urlOf(baseUrl: string, operation: Operation, input: CallInput<OperationId>): URL {
  const params: Record<string, unknown> = input.params ?? {};
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const url = new URL(baseUrl.replace(/\/+$/, '') + path);
  for (const [name, value] of Object.entries<QueryValue>(input.query ?? {})) {
    if (Array.isArray(value)) {
      url.searchParams.set(name, value.join(','));
    } else if (typeof value === 'object') {
      for (const [key, each] of Object.entries(value)) url.searchParams.set(`${name}.${key}`, each);
    } else if (value !== undefined) {
      url.searchParams.set(name, String(value));
    }
  }
  return url;
}

async function answer(response: Response, operation: Operation): Promise<unknown> {
  if (operation.success.schema === null) return undefined;
  const parsed = operation.success.schema.safeParse(await jsonOf(response));
  if (parsed.success) return parsed.data;
  const field = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new UnexpectedAnswerError(
    `${operation.method} ${operation.path} was answered in a form that this client does not know (${field}): are client and server of one version?`,
  );
}

/** The error for an answer that is not a success. */
export async function refusal(response: Response, operation: Operation): Promise<Error> {
  const parsed = errorEnvelope.safeParse(await jsonOf(response));
  if (!parsed.success) {
    return new UnexpectedAnswerError(
      `${operation.method} ${operation.path} was answered ${response.status} by something that is not Standin`,
    );
  }
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new ApiError(parsed.data.error.message, {
    code: parsed.data.error.code,
    status: response.status,
    retryAfter: Number.isFinite(seconds) ? seconds : undefined,
    requestId: response.headers.get('x-request-id') ?? undefined,
  });
}

async function jsonOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}
