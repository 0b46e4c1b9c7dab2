import type { ServerResponse } from 'node:http';
import type { Exchange } from './handler.ts';
import { problemOf } from './problems.ts';
import { roomIn } from './room.ts';
import { runSession } from './run-session.ts';
import type { Session } from './run-session.ts';

/** Proxies on the way end connections that say nothing. */
const keepAliveMs = 15_000;
/** What a command that was cut off from outside exits with: SIGKILL ended it. */
const killedCode = 137;

/**
 * The output of a command as server-sent events (HTML, section 9.2), each a JSON object: `{timestamp, stdout}` or
 * `{timestamp, stderr}`, at last `{exit_code, finished}`, with `error` and `code` where the command was cut off. Text is UTF-8 whose
 * characters are never cut in two; bytes that are none are U+FFFD.
 */
export async function sendEvents(
  session: Session,
  options: { timeoutSeconds: number; signal: AbortSignal; exchange: Exchange },
): Promise<void> {
  const { timeoutSeconds, signal, exchange } = options;
  const response = exchange.begin(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
  response.flushHeaders();
  const text = {
    stdout: new TextDecoder('utf-8', { ignoreBOM: true }),
    stderr: new TextDecoder('utf-8', { ignoreBOM: true }),
  };
  const alive = setInterval(() => response.write(': keepalive\n\n'), keepAliveMs);
  const tell = (stream: 'stdout' | 'stderr', part: string) =>
    part === '' ? Promise.resolve() : send(response, { timestamp: new Date().toISOString(), [stream]: part });
  try {
    const exitCode = await runSession(session, {
      timeoutSeconds,
      signal,
      sink: (stream, chunk) => tell(stream, text[stream].decode(chunk, { stream: true })),
    });
    for (const stream of ['stdout', 'stderr'] as const) await tell(stream, text[stream].decode());
    await send(
      response,
      signal.aborted
        ? {
            error: 'the command was ended: the server is stopping',
            code: 'unavailable',
            exit_code: killedCode,
            finished: true,
          }
        : { exit_code: exitCode, finished: true },
    );
  } catch (error) {
    const { code, message } = problemOf(error, '').body.error;
    await send(response, { error: message, code, exit_code: killedCode, finished: true });
  } finally {
    clearInterval(alive);
    response.end();
  }
}

/** Resolves when more may be sent, or nobody is there to take it. */
function send(response: ServerResponse, event: object): Promise<void> {
  // Some clients end a line at these too.
  const json = JSON.stringify(event).replaceAll(
    /[\u0085\u2028\u2029]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  if (!response.destroyed) response.write(`data: ${json}\n\n`);
  return roomIn(response);
}
