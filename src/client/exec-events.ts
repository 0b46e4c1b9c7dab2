import { operations } from '../contract/operations.ts';
import type { RequestBody } from '../contract/operations.ts';
import { execEvent } from '../contract/schemas/exec.ts';
import { withinTime } from './deadline.ts';
import type { CallLimits } from './deadline.ts';
import { ConnectionError, UnexpectedAnswerError, apiError } from './errors.ts';
import { serverSentEvents } from './event-stream.ts';
import { createSend } from './send.ts';
import type { SendOptions } from './send.ts';
import { brokenOff, parseJson, refusal, urlOf } from './transport.ts';

/** A piece of a command's output, or its end. */
export type CommandEvent =
  | { type: 'stdout' | 'stderr'; data: string; timestamp: Date }
  /** The last one. 124 after a time-out, 128 + number after a signal. */
  | { type: 'exit'; exitCode: number };

/** Starts a command; resolves with its output as it comes once the server has it. */
export type ExecStream = (
  sandbox: { id: string; access_token: string },
  body: RequestBody<'execStream'>,
  limits?: CallLimits,
) => Promise<AsyncGenerator<CommandEvent, void, undefined>>;

/**
 * `POST /exec/stream`. `timeoutMs` is for the answer to begin. Leaving the loop early ends the command, and so does
 * aborting `signal`. The iterator throws an ApiError where the server ends the command, ConnectionError where the
 * connection breaks before the last event.
 */
export function createExecStream(options: SendOptions): ExecStream {
  const send = createSend(options);
  const operation = operations.execStream;
  return async ({ id, access_token: token }, body, limits = {}) => {
    const response = await withinTime(limits, async (signal) => {
      const answered = await send({
        method: operation.method,
        url: urlOf(options.baseUrl, operation, {}),
        headers: {
          accept: operation.success.mediaType,
          'content-type': 'application/json',
          'x-access-token': token,
          'x-superserve-sandbox-id': id,
        },
        body: JSON.stringify(body),
        signal,
      });
      if (answered.status !== operation.success.status) throw await refusal(answered, operation);
      return answered;
    });
    return commandEvents(response, { baseUrl: options.baseUrl, signal: limits.signal });
  };
}

async function* commandEvents(
  response: Response,
  { baseUrl, signal }: { baseUrl: string; signal: AbortSignal | undefined },
): AsyncGenerator<CommandEvent, void, undefined> {
  try {
    for await (const { data } of serverSentEvents(response)) {
      const event = eventOf(data);
      yield event;
      if (event.type === 'exit') return;
    }
  } catch (error) {
    throw signal?.aborted === true ? error : brokenOff(error, baseUrl);
  }
  throw new ConnectionError('the connection closed before the command ended', { baseUrl });
}

function eventOf(data: string): CommandEvent {
  const parsed = execEvent.safeParse(parseJson(data));
  if (!parsed.success)
    throw new UnexpectedAnswerError('POST /exec/stream sent an event that this client does not know');
  const event = parsed.data;
  if ('stdout' in event) return { type: 'stdout', data: event.stdout, timestamp: new Date(event.timestamp) };
  if ('stderr' in event) return { type: 'stderr', data: event.stderr, timestamp: new Date(event.timestamp) };
  if (event.error !== undefined) throw apiError(event.error, { code: event.code ?? 'internal', status: 200 });
  return { type: 'exit', exitCode: event.exit_code };
}
