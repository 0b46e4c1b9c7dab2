import { constants, createSecureServer } from 'node:http2';
import type { Http2SecureServer, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerCertificate } from '../support/certificates.ts';
import { readPath } from './behaviours.ts';
import { credentialOf, http2Host } from './plan.ts';
import { answers } from './upstream-answer.ts';
import type { Watch } from './upstream-watch.ts';

/** An upstream that speaks only HTTP/2. What it receives is captured as fields and content, as its library gives them. */
export function http2Upstream({ certPem, keyPem }: ServerCertificate, watch: Watch): Http2SecureServer {
  const server = createSecureServer({ cert: certPem, key: keyPem });
  server.on('session', (session) => session.on('error', () => undefined));
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => undefined);
    serve(stream, headers, watch).catch(() => stream.destroy());
  });
  return server;
}

async function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, watch: Watch): Promise<void> {
  const connection = watch.connection(http2Host);
  const fields = Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  connection.received(Buffer.from(head, 'latin1'));
  const credential = credentialOf(fields) ?? '';
  const asked = readPath(headers[':path'] ?? '');
  connection.request({ number: asked?.number ?? null, head, credential });
  const content = contentOf(stream, connection.received);
  content.then((bytes) => watch.content(http2Host, bytes)).catch(() => undefined);
  const behaviour = asked === null || asked.behaviour === 'socket' ? 'empty' : asked.behaviour;
  const answer = answers[behaviour]({ credential, content, random: watch.random });
  if (answer.headless === true) {
    watch.resets += 1;
    // One of the two breaks off every stream of its connection.
    if (behaviour === 'reset-head') stream.session?.destroy();
    else stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return;
  }
  const start = () => {
    if (stream.headersSent) return;
    if (answer.interim !== undefined) stream.additionalHeaders({ ':status': 103, ...answer.interim });
    const length = answer.length === null ? {} : { 'content-length': answer.length };
    stream.respond(
      { ':status': 200, ...answer.headers, ...length },
      { waitForTrailers: answer.trailers !== undefined },
    );
  };
  stream.once('wantTrailers', () => stream.sendTrailers(answer.trailers ?? {}));
  for await (const piece of answer.content) {
    start();
    for (const part of answer.trickled === true ? bytesOf(piece) : [piece]) {
      await write(stream, part);
      if (answer.trickled === true) await delay(3);
    }
  }
  start();
  if (answer.ending === 'end') stream.end();
  else {
    watch.resets += 1;
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

async function contentOf(stream: ServerHttp2Stream, received: (bytes: Buffer) => void): Promise<Buffer> {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => {
    received(part);
    parts.push(part);
  });
  await new Promise((resolve, reject) => stream.once('end', resolve).once('error', reject).once('aborted', reject));
  return Buffer.concat(parts);
}

function* bytesOf(piece: Buffer): Generator<Buffer> {
  for (const byte of piece) yield Buffer.from([byte]);
}

function write(stream: ServerHttp2Stream, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => {
      if (error instanceof Error) reject(error);
      else resolve();
    });
  });
}
