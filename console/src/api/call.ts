import type { Answer, Params, Query, RequestBody } from '../../../src/contract/operations.ts';
import { Failure, refusal } from './failure.ts';
import { routes } from './routes.ts';
import type { Route } from './routes.ts';

type Needed<Name extends string, Value> = [Value] extends [undefined] ? unknown : Record<Name, Value>;
type Given<Name extends string, Value> = [Value] extends [undefined] ? unknown : { [Key in Name]?: Partial<Value> };

export type Input<Id extends Route> = Needed<'params', Params<Id>> &
  Given<'query', Query<Id>> &
  Needed<'body', RequestBody<Id>> & { signal?: AbortSignal };

interface Parts {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  signal?: AbortSignal;
}

/** Called when the server no longer knows this session. */
let onSignedOut: () => void = () => undefined;

export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

/**
 * Makes one call of the API with the session's cookie. Throws Failure, whatever went wrong; an aborted one throws the
 * signal's reason.
 */
export async function call<Id extends Route>(id: Id, input: Input<Id>): Promise<Answer<Id>> {
  const parts: Parts = input;
  const [method = 'GET', path = '/'] = routes[id].split(' ');
  const response = await send(method, addressOf(path, parts), parts);
  // The one place that trusts the server to speak the contract: its own tests hold it to that.
  const answer: Answer<Id> = response.status === 204 ? undefined : await response.json();
  return answer;
}

export interface Page<Row> {
  rows: readonly Row[];
  /** The cursor of the next page; undefined at the end. */
  next: string | undefined;
}

type RowOf<Id extends Route> = Answer<Id> extends readonly (infer Row)[] ? Row : never;

/** One page of a list whose answer names the next in a header. Throws Failure. */
export async function callPage<Id extends Route>(id: Id, input: Input<Id>): Promise<Page<RowOf<Id>>> {
  const parts: Parts = input;
  const [method = 'GET', path = '/'] = routes[id].split(' ');
  const response = await send(method, addressOf(path, parts), parts);
  const rows: RowOf<Id>[] = await response.json();
  return { rows, next: response.headers.get('x-next-cursor') ?? undefined };
}

/** The response of a success. Throws Failure. */
export async function send(
  method: string,
  address: string,
  parts: Parts & { headers?: HeadersInit },
): Promise<Response> {
  const { body, signal } = parts;
  const raw = body instanceof Blob;
  const headers = new Headers(parts.headers);
  if (body !== undefined && !raw) headers.set('content-type', 'application/json');
  const response = await fetch(address, {
    method,
    headers,
    credentials: 'same-origin',
    cache: 'no-store',
    ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    if (signal?.aborted === true) throw error;
    throw new Failure('unreachable', 'The server does not answer.', { status: 0 });
  });
  if (response.ok) return response;
  const failure = await refusal(response);
  if (failure.status === 401 && !headers.has('x-access-token')) onSignedOut();
  throw failure;
}

/** The address with its segments filled in; a list of values is given with commas. */
export function addressOf(path: string, { params = {}, query = {} }: Pick<Parts, 'params' | 'query'>): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && value !== '')) {
      search.set(name, String(value));
    }
  }
  const text = search.toString();
  return text === '' ? filled : `${filled}?${text}`;
}
