import { createHash } from 'node:crypto';
import { createSecureServer } from 'node:http2';
import type { Http2ServerRequest, Http2ServerResponse, Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ServerCertificate } from './certificates.ts';
import { listenOnLoopback } from './ports.ts';

/** An upstream of HTTP/1.1 and HTTP/2 by ALPN, made by Node. */
export interface BothVersionsUpstream {
  port: number;
  /** Every request that it has answered. */
  requests: { version: string; method: string; path: string; authorization: string | undefined; received: number }[];
  stop(): Promise<void>;
}

/**
 * Answers `/authorization` with that field, `/length` with the number and the SHA-256 of the bytes that it was sent,
 * `/bytes/<n>` with so many of its own, and everything else as `respond` does.
 */
export async function startBothVersionsUpstream(
  { certPem, keyPem }: ServerCertificate,
  respond: (request: Http2ServerRequest, response: Http2ServerResponse) => void = notFound,
): Promise<BothVersionsUpstream> {
  const requests: BothVersionsUpstream['requests'] = [];
  const sessions = new Set<Http2Session>();
  const sockets = new Set<Socket>();
  const server = createSecureServer({ cert: certPem, key: keyPem, allowHTTP1: true }, (request, response) => {
    const { url: path, method, httpVersion: version } = request;
    const entry = { version, method, path, authorization: request.headers.authorization, received: 0 };
    requests.push(entry);
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    void answer(request, response, { entry, respond }).catch(() => response.destroy());
  });
  server.on('session', (session) => sessions.add(session.once('close', () => sessions.delete(session))));
  server.on('secureConnection', (socket) => sockets.add(socket.once('close', () => sockets.delete(socket))));
  return {
    port: await listenOnLoopback(server),
    requests,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function answer(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  {
    entry,
    respond,
  }: {
    entry: BothVersionsUpstream['requests'][number];
    respond: (request: Http2ServerRequest, response: Http2ServerResponse) => void;
  },
): Promise<void> {
  if (entry.path === '/authorization') {
    request.resume();
    response.end(entry.authorization ?? 'none');
  } else if (entry.path === '/length') {
    const digest = createHash('sha256');
    request.on('data', (part: Buffer) => {
      entry.received += part.length;
      digest.update(part);
    });
    await new Promise<void>((resolve, reject) => request.once('end', resolve).once('close', reject));
    response.end(`${entry.received} ${digest.digest('hex')}`);
  } else if (entry.path.startsWith('/bytes/')) {
    request.resume();
    await sendBytes(response, Number(entry.path.slice('/bytes/'.length)));
  } else {
    respond(request, response);
  }
}

async function sendBytes(response: Http2ServerResponse, count: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': count });
  const piece = Buffer.alloc(65_536, 'abcdefghijklmnopqrstuvwxyz\n');
  function* pieces() {
    for (let left = count; left > 0; left -= piece.length) yield piece.subarray(0, left);
  }
  await pipeline(Readable.from(pieces()), response);
}

function notFound(_request: Http2ServerRequest, response: Http2ServerResponse): void {
  response.writeHead(404).end();
}
