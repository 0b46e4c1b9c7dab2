import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerCertificate } from '../support/certificates.ts';
import { ConnectionClosed, readBody, readBytes, readHead } from '../support/http-bytes.ts';
import type { ByteReader } from '../support/http-bytes.ts';
import { sized } from '../support/replies.ts';
import { readPath, upstreamMark } from './behaviours.ts';
import { credentialOf } from './plan.ts';
import { answers } from './upstream-answer.ts';
import type { PlannedAnswer } from './upstream-answer.ts';
import type { Watch } from './upstream-watch.ts';

/** An upstream that reads and writes HTTP/1.1 by the byte. */
export function http1Upstream({ certPem, keyPem }: ServerCertificate, watch: Watch): Server {
  return createServer({ cert: certPem, key: keyPem, ALPNProtocols: ['http/1.1'] }, (socket) => {
    const host = typeof socket.servername === 'string' ? socket.servername : '';
    const connection = watch.connection(host);
    socket.on('data', (piece: Buffer) => connection.received(piece));
    const reader = readBytes(socket);
    serve(socket, reader, { watch, host, sighted: connection.request }).catch((error: unknown) => {
      if (error instanceof ConnectionClosed) socket.end();
      else socket.destroy();
    });
  });
}

type Sighted = ReturnType<Watch['connection']>['request'];

async function serve(
  socket: TLSSocket,
  reader: ByteReader,
  { watch, host, sighted }: { watch: Watch; host: string; sighted: Sighted },
): Promise<void> {
  for (;;) {
    const head = await readHead(reader);
    const credential = credentialOf(head.headers) ?? '';
    const asked = readPath(head.startLine.split(' ')[1] ?? '');
    sighted({ number: asked?.number ?? null, head: head.bytes.toString('latin1'), credential });
    if (asked?.behaviour === 'socket') {
      await serveSocket(socket, reader, credential);
      return;
    }
    const body = readBody(reader, head, 'none').then(({ content }) => {
      watch.content(host, content);
      return content;
    });
    body.catch(() => undefined);
    const question = { credential, content: body, random: watch.random };
    const answer = answers[asked?.behaviour ?? 'empty'](question);
    await writeAnswer(socket, answer);
    if (answer.ending === 'reset') {
      watch.resets += 1;
      socket.resetAndDestroy();
      return;
    }
    if (answer.ending === 'cut') {
      socket.end();
      return;
    }
    await body;
  }
}

async function writeAnswer(socket: TLSSocket, answer: PlannedAnswer): Promise<void> {
  const chunked = answer.length === null;
  const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${answer.length}`;
  const lines = (fields: Record<string, string> = {}) =>
    Object.entries(fields)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
  const before = answer.interim === undefined ? '' : `HTTP/1.1 103 Early Hints\r\n${lines(answer.interim)}\r\n`;
  const head = `${before}HTTP/1.1 200 OK\r\n${lines(answer.headers)}${framing}\r\n\r\n`;
  const put = (bytes: Buffer) => (answer.trickled === true ? trickle(socket, bytes) : write(socket, bytes));
  if (answer.headless === true) {
    await write(socket, Buffer.from('HTTP/1.1 200 O'));
    return;
  }
  let started = false;
  const start = () => {
    const bytes = started ? Buffer.alloc(0) : Buffer.from(head);
    started = true;
    return bytes;
  };
  for await (const piece of answer.content) {
    const framed = chunked
      ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
      : piece;
    await put(Buffer.concat([start(), framed]));
  }
  const end = chunked ? `0\r\n${lines(answer.trailers)}\r\n` : '';
  await put(Buffer.concat([start(), Buffer.from(end)]));
}

const trickleMs = 3;

async function trickle(socket: TLSSocket, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    await write(socket, Buffer.from([byte]));
    await delay(trickleMs);
  }
}

function write(socket: TLSSocket, bytes: Buffer): Promise<void> {
  if (bytes.length === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => {
      if (error instanceof Error) reject(new ConnectionClosed(Buffer.alloc(0)));
      else resolve();
    });
  });
}

/** Answers each message of a client (RFC 6455, under 126 bytes) with it and the credential. */
async function serveSocket(socket: TLSSocket, reader: ByteReader, credential: string): Promise<void> {
  const head = sized(101, '', { Upgrade: 'websocket', Connection: 'Upgrade', [upstreamMark]: '1' });
  for await (const bytes of head.bytes) {
    await write(socket, Buffer.from(String(bytes).replace(/Content-Length: 0\r\n/, '')));
  }
  for (;;) {
    const [, length = 0] = await reader.exactly(2);
    const mask = await reader.exactly(4);
    const masked = await reader.exactly(length & 0x7f);
    const text = Buffer.from(masked.map((byte, index) => byte ^ (mask[index % 4] ?? 0))).toString();
    const payload = Buffer.from(`${text} ${credential}`);
    await write(socket, Buffer.concat([Buffer.from([0x81, payload.length]), payload]));
  }
}
