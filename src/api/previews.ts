import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { previewCookie } from '../contract/preview-wire.ts';
import { StandinError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Vault } from '../vault/types.ts';
import { FailureLimit } from './failure-limit.ts';
import { isSameOrigin, requireOwnSandbox } from './preview-origin.ts';
import { pathWithout, requestLines, responseLines, tokenOf } from './preview-head.ts';
import { problemOf } from './problems.ts';
import { writeRefusal } from './raw-refusal.ts';

interface Place {
  sandboxId: string;
  port: number;
}

const provenCapacity = 4096;

type Opened = Awaited<ReturnType<Vault['previews']['open']>>;

/**
 * Published ports of sandboxes at `<port>-<sandbox id>.<domain>`: each an origin of its own, so that what one sandbox serves
 * reads neither another's nor ours. Requests go in one connection each, streamed both ways; WebSockets as what they are.
 */
export class Previews {
  readonly #vault: Vault;
  readonly #logger: Logger;
  readonly #name: RegExp;
  readonly #limit = new FailureLimit({ burst: 20, perSecond: 0.5, capacity: 10_000, now: Date.now });
  /** Hashes of tokens that were right; never a reason to accept one. */
  readonly #proven = new Set<string>();
  readonly #open = new Set<Duplex>();

  constructor({ vault, logger, domain }: { vault: Vault; logger: Logger; domain: string }) {
    this.#vault = vault;
    this.#logger = logger;
    this.#name = new RegExp(
      `^([1-9]\\d{3,4})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\\.${RegExp.escape(domain)}$`,
    );
  }

  /** The sandbox and port that the name of a request means; null: it is no preview's. */
  placeOf(request: IncomingMessage): Place | null {
    return this.#placeNamed((request.headers.host ?? '').toLowerCase().replace(/:\d{1,5}$/, ''));
  }

  #placeNamed(host: string): Place | null {
    const [, port, sandboxId] = this.#name.exec(host) ?? [];
    return port === undefined || sandboxId === undefined ? null : { port: Number(port), sandboxId };
  }

  async serve(place: Place, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { token, from } = tokenOf(request);
      if (from === 'cookie')
        requireOwnSandbox(request, place.sandboxId, (host) => this.#placeNamed(host)?.sandboxId ?? null);
      const opened = await this.#enter(place, request, token);
      if (from === 'link' && opened.proof !== null && ['GET', 'HEAD'].includes(request.method ?? '')) {
        remember(request, response, { token: token ?? '', expiresAt: opened.proof.expiresAt });
        return;
      }
      this.#relay(await opened.connect(), { request, response });
    } catch (error) {
      refuse(request, response, error);
    }
  }

  async upgrade(
    place: Place,
    request: IncomingMessage,
    { socket, head }: { socket: Duplex; head: Buffer },
  ): Promise<void> {
    try {
      const { token, from } = tokenOf(request);
      // A cookie goes along with whatever page asks; only the preview's own may.
      if (from === 'cookie' && !isSameOrigin(request))
        throw new StandinError('forbidden', 'Origin: is not that of this preview');
      const opened = await this.#enter(place, request, token);
      this.#relayUpgrade(await opened.connect(), { request, socket, head });
    } catch (error) {
      const { code, message } = problemOf(error, '').body.error;
      writeRefusal(socket, code, message);
    }
  }

  /** Ends what is under way. */
  close(): void {
    for (const each of this.#open) each.destroy();
  }

  /** A token that was right before is judged also while its address is held back: behind a proxy all come from one. */
  async #enter({ sandboxId, port }: Place, request: IncomingMessage, token: string | null): Promise<Opened> {
    const source = request.socket.remoteAddress ?? '';
    const digest = createHash('sha256')
      .update(token ?? '')
      .digest('base64');
    const isLimited = token !== null && !this.#proven.has(digest);
    const wait = isLimited ? this.#limit.charge(source) : 0;
    if (wait > 0)
      throw new StandinError('rate_limited', 'too many failed attempts from this address', { retryAfter: wait });
    const opened = await this.#vault.previews.open(sandboxId, port, token).catch((error: unknown) => {
      if (this.#proven.delete(digest)) this.#limit.charge(source);
      throw error;
    });
    if (isLimited) this.#limit.refund(source);
    if (opened.proof !== null) {
      if (this.#proven.size >= provenCapacity) this.#proven.clear();
      this.#proven.add(digest);
    }
    return opened;
  }

  #relay(upstream: Duplex, { request, response }: { request: IncomingMessage; response: ServerResponse }): void {
    const outgoing = this.#ask(upstream, request, false);
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, responseLines(answer));
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    outgoing.on('error', () => {
      if (response.headersSent) response.destroy();
      else
        refuse(request, response, new StandinError('unavailable', 'what listens on this port did not answer in HTTP'));
    });
    response.on('close', () => outgoing.destroy());
    request.on('error', () => outgoing.destroy());
    request.pipe(outgoing);
  }

  #relayUpgrade(
    upstream: Duplex,
    { request, socket, head }: { request: IncomingMessage; socket: Duplex; head: Buffer },
  ): void {
    const outgoing = this.#ask(upstream, request, true);
    socket.on('error', () => outgoing.destroy()).on('close', () => upstream.destroy());
    outgoing.on('error', () => writeRefusal(socket, 'unavailable', 'what listens on this port did not answer in HTTP'));
    outgoing.on('response', (answer) => {
      socket.write(headOf(answer));
      answer.pipe(socket);
    });
    outgoing.on('upgrade', (answer, inside: Duplex, early: Buffer) => {
      socket.write(headOf(answer));
      socket.write(early);
      inside.write(head);
      inside.on('error', () => socket.destroy()).on('close', () => socket.destroy());
      socket.pipe(inside);
      inside.pipe(socket);
    });
    outgoing.end();
  }

  #ask(upstream: Duplex, request: IncomingMessage, upgrade: boolean): ClientRequest {
    this.#open.add(upstream);
    upstream.on('error', () => upstream.destroy());
    upstream.once('close', () => this.#open.delete(upstream));
    const scheme = 'encrypted' in request.socket ? 'https' : 'http';
    this.#logger.debug({ method: request.method, upgrade }, 'preview');
    return httpRequest({
      createConnection: () => upstream,
      method: request.method ?? 'GET',
      path: pathWithout(request.url ?? '/'),
      headers: requestLines(request, { scheme, upgrade }),
      setHost: false,
    });
  }
}

/** The same page without the token in its address, which would be in the history and in `Referer`. */
function remember(
  request: IncomingMessage,
  response: ServerResponse,
  { token, expiresAt }: { token: string; expiresAt: Date | null },
): void {
  const ends = expiresAt === null ? '' : `; Expires=${expiresAt.toUTCString()}`;
  response.writeHead(303, {
    location: pathWithout(request.url ?? '/').replace(/^\/+/, '/'),
    'set-cookie': `${previewCookie}=${token}; Path=/; Secure; HttpOnly; SameSite=Lax${ends}`,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  });
  response.end();
}

function headOf(answer: IncomingMessage): string {
  const lines = responseLines(answer);
  const head = lines.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${lines[index + 1] ?? ''}`] : []));
  const close = answer.statusCode === 101 ? [] : ['Connection: close'];
  return [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`, ...head, ...close, '', ''].join('\r\n');
}

/** A page for people, JSON for programs. */
function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  const { status, headers, body } = problemOf(error, '');
  const page = request.headers.accept?.includes('text/html') === true;
  const text = page ? pageOf(status, body.error.message) : JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    'content-type': page ? 'text/html; charset=utf-8' : 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    connection: 'close',
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

const cures: Record<number, string> = {
  401: 'Ask whoever runs the sandbox for a signed link.',
  429: 'Wait a little, then try again.',
  503: 'Start a server on this port in the sandbox, or resume the sandbox, then reload.',
};

function pageOf(status: number, message: string): string {
  const safe = message.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${status}</title>
<style>body{font:1rem/1.5 system-ui;max-width:36rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}</style>
<h1>No preview</h1><p>${safe.charAt(0).toUpperCase()}${safe.slice(1)}.</p><p>${cures[status] ?? ''}</p></html>\n`;
}
