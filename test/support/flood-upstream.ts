import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { ConnectionHandler } from '../../src/egress/wire/http2/connection-handler.ts';
import { Http2Connection } from '../../src/egress/wire/http2/connection.ts';
import { statusField } from '../../src/egress/wire/http2/outgoing-fields.ts';
import type { Http2Stream, StreamHandler } from '../../src/egress/wire/http2/stream.ts';
import { attachSocket } from '../unit/egress/http2/socket-leg.ts';
import type { ServerCertificate } from './certificates.ts';
import { listenOnLoopback } from './ports.ts';

/** An upstream that gives whoever asks more work than it has itself. */
export interface FloodUpstream {
  port: number;
  /** Bytes of content without end that it has sent. */
  sent: number;
  stop: () => void;
}

const headEnd = Buffer.from('\r\n\r\n');
const small = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
const chunkedHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
/** As many as fit into a TLS record. */
const oneByteChunks = Buffer.from('1\r\nx\r\n'.repeat(2730));
const oneByte = Buffer.from('1\r\nx\r\n');
/** What fills four TLS records: as much as is read at once. */
const longChunk = Buffer.from(`fff8\r\n${'x'.repeat(0xfff8)}\r\n`);

/**
 * Over HTTP/1.1 it answers `/chunks` without end in chunks of one byte, `/records` in TLS records of such a chunk, `/long` in
 * chunks of 64 KB, and everything else `ok`; over HTTP/2 everything without end, in DATA frames of `frameBytes`.
 */
export async function startFloodUpstream(
  { certPem, keyPem }: ServerCertificate,
  { protocol, frameBytes = 1 }: { protocol: 'http/1.1' | 'h2'; frameBytes?: number },
): Promise<FloodUpstream> {
  /** Those in their handshake too: one that is dialled while everything ends must end as well. */
  const sockets = new Set<Socket>();
  const server = createServer({ cert: certPem, key: keyPem, ALPNProtocols: [protocol] }, (socket) => {
    socket.on('error', () => socket.destroy());
    if (protocol === 'h2') serveHttp2(socket, frameBytes);
    else serveHttp1(socket);
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const upstream: FloodUpstream = {
    port: await listenOnLoopback(server),
    sent: 0,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return upstream;

  function serveHttp1(socket: TLSSocket): void {
    let unread = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      for (let end = unread.indexOf(headEnd); end !== -1; end = unread.indexOf(headEnd)) {
        const path = unread.toString('latin1', 0, end).split(' ')[1];
        unread = unread.subarray(end + headEnd.length);
        if (path === '/chunks') pour(socket, oneByteChunks);
        else if (path === '/records') pour(socket, oneByte);
        else if (path === '/long') pour(socket, longChunk);
        else socket.write(small);
      }
    });
  }

  /** As fast as it is read. */
  function pour(socket: TLSSocket, piece: Buffer): void {
    const more = () => {
      let writable = true;
      while (writable && !socket.destroyed) {
        upstream.sent += piece.length;
        writable = socket.write(piece);
      }
    };
    socket.write(chunkedHead);
    socket.on('drain', more);
    more();
  }

  function serveHttp2(socket: TLSSocket, bytes: number): void {
    const frame = Buffer.alloc(bytes, 'x');
    const leg = attachSocket(socket, () => connection);
    const source: StreamHandler = {
      onInterim: () => undefined,
      onResponse: () => undefined,
      onData: () => undefined,
      onTrailers: () => undefined,
      onReset: () => undefined,
      onWritable: (stream: Http2Stream) => {
        do upstream.sent += bytes;
        while (!socket.destroyed && connection.sendData(stream, frame, false));
      },
    };
    const handler: ConnectionHandler = {
      onRequest: (stream) => {
        connection.respond(stream, [statusField(200)], false);
        setImmediate(() => source.onWritable(stream));
        return source;
      },
      onMalformed: () => undefined,
      onOutput: leg.onOutput,
      onReady: () => undefined,
      onGoaway: () => undefined,
      onIdle: () => undefined,
      onPong: () => undefined,
      onFault: () => undefined,
    };
    const connection = new Http2Connection({ role: 'server', handler });
  }
}
