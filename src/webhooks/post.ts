import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { SecureContext } from 'node:tls';

/** Where a delivery goes, and what may be dialled for it. */
export interface PostTarget {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Asked for each address before it is dialled. */
  mayDial: (address: string) => boolean;
  secureContext: SecureContext;
  /** From the look-up to the answer's head. */
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Posts once and resolves with the status of the answer, whose content is not read. The name is looked up once, and what
 * is connected to is an address that was judged; redirects are not followed; a certificate must be for the name. Rejects
 * where there was no answer, with words that hold nothing of the request.
 */
export async function post(target: PostTarget): Promise<number> {
  const url = new URL(target.url);
  const signal = AbortSignal.any([target.signal, AbortSignal.timeout(target.timeoutMs)]);
  const socket = await dial(url, target, signal);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  try {
    const request = requestHttp({
      createConnection: () => socket,
      method: 'POST',
      path: url.pathname + url.search,
      headers: {
        ...target.headers,
        host: url.host,
        'content-length': Buffer.byteLength(target.body),
        connection: 'close',
      },
    });
    request.once('response', (response) => resolve(response.statusCode ?? 0));
    request.on('error', reject);
    request.once('close', () => reject(new Error('the connection was closed without an answer')));
    request.end(target.body);
    return await within(signal, promise);
  } catch (error) {
    throw new Error(reasonOf(error, signal), { cause: error });
  } finally {
    // After this an error says nothing any more.
    socket.on('error', () => undefined);
    socket.destroy();
  }
}

/** A connection to the first allowed address that takes one; over TLS it is verified. */
async function dial(url: URL, { mayDial, secureContext }: PostTarget, signal: AbortSignal): Promise<Socket> {
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const found = isIP(host) === 0 ? await resolved(host, signal) : [host];
  const allowed = found.filter(mayDial);
  let reason = found.length === 0 ? 'no address' : 'the address is not public';
  for (const address of allowed) {
    signal.throwIfAborted();
    // Verified against the server name, or the address where the URL has one.
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = secure
      ? connectTls({ host: address, port, secureContext, ...name })
      : connectTcp({ host: address, port });
    try {
      await within(signal, connected(socket, secure));
      return socket;
    } catch (error) {
      socket.destroy();
      reason = reasonOf(error, signal);
    }
  }
  throw new Error(reason);
}

async function resolved(host: string, signal: AbortSignal): Promise<string[]> {
  try {
    const found = await within(signal, lookup(host, { all: true, order: 'verbatim' }));
    return found.map(({ address }) => address);
  } catch (error) {
    throw new Error(`the name does not resolve (${reasonOf(error, signal)})`, { cause: error });
  }
}

function connected(socket: Socket, secure: boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once(secure ? 'secureConnect' : 'connect', () => resolve());
  socket.on('error', reject);
  return promise;
}

/** Rejects when the signal aborts; what comes later of the promise is let go. */
async function within<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const late = Promise.withResolvers<never>();
  const stop = () => late.reject(new Error('no answer in time'));
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
    promise.catch(() => undefined);
  }
}

function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'no answer in time';
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no answer';
}
