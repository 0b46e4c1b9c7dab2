import assert from 'node:assert/strict';
import { createSecureServer } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { ServerCertificate } from './certificates.ts';
import { listenOnLoopback } from './ports.ts';

/** An upstream that speaks HTTP/2 alone, made by Node. */
export interface Http2Upstream {
  port: number;
  /** Every request that came whole. */
  seen: { headers: IncomingHttpHeaders; body: Buffer; trailers: IncomingHttpHeaders; session: unknown }[];
  /** Uploads to `/cut` of which something has come. */
  uploads: number;
  /** The codes with which they ended. */
  cuts: number[];
  /** Its port must be known before it can have a certificate of the rig's authority. */
  certify(certificate: ServerCertificate): void;
  close(): void;
}

/**
 * Gives the content back with the trailer `grpc-status`, and the fields that `x-answer-with` has as JSON; with
 * `x-echo-in-trailer` the credential too. WebSockets by extended CONNECT give back what they get. Other paths: `/echo` (the
 * credential in a field and in the content), `/echo-in-two/<n>` (in the content, its first n bytes in a frame of their own), `/bare` (204), `/too-large` (413 at once), `/cut` (reads no more and does not
 * answer), `/refuse-streams`.
 */
export async function startHttp2Upstream(): Promise<Http2Upstream> {
  const server = createSecureServer({ allowHTTP1: false, settings: { enableConnectProtocol: true } });
  const upstream: Http2Upstream = {
    port: await listenOnLoopback(server),
    seen: [],
    uploads: 0,
    cuts: [],
    certify: ({ certPem, keyPem }) => server.setSecureContext({ cert: certPem, key: keyPem }),
    close: () => server.close(),
  };
  server.on('stream', (stream: ServerHttp2Stream, headers) => void serve(upstream, stream, headers));
  return upstream;
}

async function serve(upstream: Http2Upstream, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
  stream.on('error', () => undefined);
  if (headers[':method'] === 'CONNECT') {
    stream.respond({ ':status': 200 });
    stream.write(Buffer.from('\x81\x05hello', 'latin1'));
    stream.on('data', (part: Buffer) => stream.write(Buffer.concat([Buffer.from([0x82, part.length]), part])));
    return;
  }
  if (headers[':path'] === '/refuse-streams') {
    stream.close(0x7);
    return;
  }
  if (headers[':path'] === '/too-large') {
    stream.respond({ ':status': 413, 'content-length': 3 });
    stream.end('no!');
    // RFC 9113 section 8.1: after a complete answer NO_ERROR says that the rest is not wanted.
    stream.once('finish', () => stream.close(0));
    return;
  }
  if (headers[':path'] === '/cut') {
    stream.once('close', () => upstream.cuts.push(stream.rstCode));
    stream.once('data', () => upstream.uploads++);
    return;
  }
  if (headers.expect !== undefined) stream.additionalHeaders({ ':status': 100 });
  const parts: Buffer[] = [];
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (fields) => (trailers = fields));
  for await (const part of stream) parts.push(part);
  const body = Buffer.concat(parts);
  upstream.seen.push({ headers, body, trailers, session: stream.session });
  if (headers[':path'] === '/bare') {
    stream.respond({ ':status': 204 }, { endStream: true });
    return;
  }
  const split = /^\/echo-in-two\/(\d+)$/.exec(headers[':path'] ?? '')?.[1];
  if (split !== undefined) {
    const text = `<${headers.authorization}>`;
    stream.respond({ ':status': 200 });
    // A frame of its own: the rest follows when it has left.
    stream.write(text.slice(0, Number(split)), () => stream.end(text.slice(Number(split))));
    return;
  }
  if (headers[':path'] === '/echo') {
    stream.respond({ ':status': 200, 'x-echo': headers.authorization ?? '' });
    stream.end(`<${headers.authorization}>`);
    return;
  }
  const asked = headers['x-answer-with'];
  const own: unknown = asked === undefined ? {} : JSON.parse(String(asked));
  assert.ok(typeof own === 'object');
  const type = { ':status': 200, 'content-type': 'application/octet-stream' };
  stream.respond({ ...type, ...own }, { waitForTrailers: true });
  const echo = headers['x-echo-in-trailer'] === undefined ? {} : { 'x-echo': headers.authorization ?? '' };
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', ...echo }));
  stream.end(body);
}
