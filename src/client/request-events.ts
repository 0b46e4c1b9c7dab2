import { z } from 'zod';
import { operations } from '../contract/operations.ts';
import type { Answer, Query } from '../contract/operations.ts';
import { requestRow } from '../contract/schemas/requests.ts';
import { pause, withinTime } from './deadline.ts';
import type { CallLimits } from './deadline.ts';
import { AuthenticationError, ConnectionError, StandinError, UnexpectedAnswerError } from './errors.ts';
import { serverSentEvents } from './event-stream.ts';
import { createSend } from './send.ts';
import { brokenOff, parseJson, refusal, urlOf } from './transport.ts';
import type { ClientOptions } from './transport.ts';

type Row = Answer<'listRequests'>['data'][number];
type Filter = { [Name in keyof Query<'streamRequests'>]?: Query<'streamRequests'>[Name] | undefined };

/** Requests as they come, from the moment of the call on, until the loop is left or the signal aborts. */
export type WatchRequests = (filter: Filter, limits: CallLimits) => AsyncGenerator<Row, void, undefined>;

const ready = z.object({ last_id: z.int() });
const end = z.object({ code: z.string(), message: z.string() });

/** Failures one after the other, without an event between them, after which it gives up; and the longest wait. */
const mostFailures = 6;
const longestWaitMs = 5000;

/**
 * `GET /requests/stream`. A connection that breaks is made anew from the last event on, so that none is missed and none comes
 * twice; after six failures in a row it throws the last. `timeoutMs` is for each answer to begin.
 */
export function createWatchRequests(options: ClientOptions): WatchRequests {
  const send = createSend(options);
  const operation = operations.streamRequests;

  async function open(filter: Filter, limits: CallLimits, lastId: string): Promise<Response> {
    return withinTime(limits, async (signal) => {
      const response = await send({
        method: operation.method,
        url: urlOf(options.baseUrl, operation, { query: filter }),
        headers: {
          accept: operation.success.mediaType,
          ...(options.apiKey === undefined ? {} : { 'x-api-key': options.apiKey }),
          ...(lastId === '' ? {} : { 'last-event-id': lastId }),
        },
        signal,
      });
      if (response.status !== operation.success.status) throw await refusal(response, operation);
      return response;
    });
  }

  return async function* watch(filter, limits) {
    let lastId = '';
    for (let failures = 0; ;) {
      try {
        for await (const { event, id, data } of serverSentEvents(await open(filter, limits, lastId))) {
          if (event === 'ready' && lastId === '') lastId = String(ready.parse(parseJson(data)).last_id);
          if (event === 'ready') failures = 0;
          if (event === 'end') throw endOf(data, options.baseUrl);
          if (event !== 'request') continue;
          lastId = id;
          yield rowOf(data);
        }
        throw new ConnectionError('the stream ended', { baseUrl: options.baseUrl });
      } catch (error) {
        if (limits.signal?.aborted === true) throw error;
        const failure = brokenOff(error, options.baseUrl);
        failures += 1;
        if (!(failure instanceof ConnectionError) || failures >= mostFailures) throw failure;
      }
      await pause(Math.random() * Math.min(longestWaitMs, 200 * 2 ** failures), limits.signal);
    }
  };
}

/** Why the server ended it: a connection to be made anew, or a key that is no longer taken. */
function endOf(data: string, baseUrl: string): StandinError {
  const { code, message } = end.parse(parseJson(data));
  if (code === 'unauthorized') return new AuthenticationError(message, { code, status: 401 });
  return new ConnectionError(message, { baseUrl });
}

function rowOf(data: string): Row {
  const parsed = requestRow.safeParse(parseJson(data));
  if (parsed.success) return parsed.data;
  throw new UnexpectedAnswerError('GET /requests/stream sent a row that this client does not know');
}
