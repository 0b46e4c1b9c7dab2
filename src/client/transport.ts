import { operations } from '../contract/operations.ts';
import type { Answer, OperationId, Params, Query, RequestBody } from '../contract/operations.ts';
import type { Operation } from '../contract/operation.ts';
import { errorEnvelope } from '../contract/schemas/system.ts';
import { withinTime } from './deadline.ts';
import type { CallLimits } from './deadline.ts';
import { ConnectionError, StandinError, UnexpectedAnswerError, apiError } from './errors.ts';
import { createSend, retryAfterMs } from './send.ts';
import type { SendOptions } from './send.ts';

export interface ClientOptions extends SendOptions {
  /** Not needed for `health` alone. */
  apiKey?: string;
}

export interface CallInput<Id extends OperationId> extends CallLimits {
  params?: Params<Id>;
  query?: { [Name in keyof Query<Id>]?: Query<Id>[Name] | undefined };
  body?: RequestBody<Id>;
  headers?: Record<string, string>;
  /** Called with the head of an answer that is a success: a paged one has its cursor there. */
  onHeaders?: (headers: Headers) => void;
}

/** Makes one call of the contract. Throws a StandinError, or the reason of the signal that ended it. */
export type Call = <Id extends OperationId>(id: Id, input?: CallInput<Id>) => Promise<Answer<Id>>;

/** Calls of the contract by their ids, over one base URL and key. */
export function createCall(options: ClientOptions): Call;
export function createCall(options: ClientOptions) {
  const send = createSend(options);
  return (id: OperationId, input: CallInput<OperationId> = {}): Promise<unknown> => {
    const operation: Operation = operations[id];
    const headers: Record<string, string> = { accept: 'application/json', ...input.headers };
    if (operation.auth === 'api-key' && options.apiKey !== undefined) headers['x-api-key'] = options.apiKey;
    if (input.body !== undefined) headers['content-type'] = 'application/json';
    return withinTime(input, async (signal) => {
      const response = await send({
        method: operation.method,
        url: urlOf(options.baseUrl, operation, input),
        headers,
        body: input.body === undefined ? undefined : JSON.stringify(input.body),
        signal,
      });
      try {
        if (response.status !== operation.success.status) throw await refusal(response, operation);
        input.onHeaders?.(response.headers);
        return await answer(response, operation);
      } catch (error) {
        throw signal?.aborted === true ? error : brokenOff(error, options.baseUrl);
      }
    });
  };
}

type QueryValue = string | number | readonly string[] | Record<string, string> | undefined;

/** The URL of an operation, with its parameters in path and query. */
export function urlOf(
  baseUrl: string,
  operation: Operation,
  input: { params?: object | undefined; query?: object | undefined },
): URL {
  const params: Record<string, unknown> = { ...input.params };
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const url = new URL(baseUrl.replace(/\/+$/, '') + path);
  for (const [name, value] of Object.entries<QueryValue>({ ...input.query })) {
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
  const wait = retryAfterMs(response.headers);
  return apiError(parsed.data.error.message, {
    code: parsed.data.error.code,
    status: response.status,
    retryAfter: wait === undefined ? undefined : wait / 1000,
    requestId: response.headers.get('x-request-id') ?? undefined,
  });
}

/** Ours as it is; what else is thrown while an answer is read is a connection that broke. */
export function brokenOff(error: unknown, baseUrl: string): StandinError {
  if (error instanceof StandinError) return error;
  return new ConnectionError('the connection broke before the answer was there', { baseUrl, cause: error });
}

async function jsonOf(response: Response): Promise<unknown> {
  return parseJson(await response.text());
}

/** Undefined where it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
