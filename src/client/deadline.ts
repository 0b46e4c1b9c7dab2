import { TimeoutError } from './errors.ts';

/** How long a call may take, and what ends it before. */
export interface CallLimits {
  /** Aborting it ends the call: it rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Milliseconds for all of it, attempts and waits included. Absent: no limit. */
  timeoutMs?: number | undefined;
}

/**
 * Runs `work` with a signal that aborts when the caller's does, or after `timeoutMs`; then throws TimeoutError. The limit
 * ends with `work`; the caller's signal goes on to end what `work` answered, such as the body of a response.
 */
export async function withinTime<Result>(
  { signal, timeoutMs }: CallLimits,
  work: (signal: AbortSignal | undefined) => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted();
  if (timeoutMs === undefined) return work(signal);
  const expired = new TimeoutError(`no answer within ${timeoutMs} ms`);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(expired), timeoutMs);
  try {
    return await work(signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]));
  } catch (error) {
    throw limit.signal.aborted && signal?.aborted !== true ? expired : error;
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `ms`; rejects with the signal's reason where that aborts before. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
