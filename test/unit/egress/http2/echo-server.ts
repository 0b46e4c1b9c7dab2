import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionHandler } from '../../../../src/egress/wire/http2/connection-handler.ts';
import { Http2Connection } from '../../../../src/egress/wire/http2/connection.ts';
import { outgoingField } from '../../../../src/egress/wire/http2/header-field.ts';
import type { HeaderField } from '../../../../src/egress/wire/http2/header-field.ts';
import { statusField } from '../../../../src/egress/wire/http2/outgoing-fields.ts';
import type { RequestFields } from '../../../../src/egress/wire/http2/request-fields.ts';
import type { Http2Stream, StreamHandler } from '../../../../src/egress/wire/http2/stream.ts';
import { attachSocket } from './socket-leg.ts';

const text = outgoingField('content-type', 'text/plain');

/**
 * A server on our own connection that nothing of the proxy is behind: `/echo` gives back content and trailers as they come,
 * `/bytes/<n>` gives so many bytes, everything else gives `hello`. Run as a program it listens at the port that it is given.
 */
export function serveEcho(socket: Duplex): Http2Connection {
  const leg = attachSocket(socket, () => connection);
  const handler: ConnectionHandler = {
    onRequest: (stream, request, endStream) => respond(connection, { stream, request, endStream }),
    onMalformed: () => {},
    onOutput: leg.onOutput,
    onReady: () => {},
    onGoaway: () => {},
    onIdle: () => {},
    onPong: () => {},
    onFault: () => {},
  };
  const connection = new Http2Connection({ role: 'server', handler });
  return connection;
}

function respond(
  connection: Http2Connection,
  { stream, request, endStream }: { stream: Http2Stream; request: RequestFields; endStream: boolean },
): StreamHandler {
  const path = request.path ?? '';
  if (path === '/echo') {
    connection.respond(stream, [statusField(200), text], endStream);
    return new Echo(connection);
  }
  const handler = new Source(connection, path.startsWith('/bytes/') ? Number(path.slice(7)) : 5);
  connection.respond(stream, [statusField(200), text], false);
  if (request.method === 'HEAD') connection.sendData(stream, Buffer.alloc(0), true);
  else handler.onWritable(stream);
  return handler;
}

abstract class Quiet implements StreamHandler {
  protected readonly connection: Http2Connection;
  constructor(connection: Http2Connection) {
    this.connection = connection;
  }
  onInterim(): void {}
  onResponse(): void {}
  onTrailers(_stream: Http2Stream, _fields: readonly HeaderField[]): void {}
  onReset(): void {}
  abstract onWritable(stream: Http2Stream): void;
  abstract onData(stream: Http2Stream, bytes: Buffer, endStream: boolean): void;
}

class Echo extends Quiet {
  #owed = 0;

  onData(stream: Http2Stream, bytes: Buffer, endStream: boolean): void {
    this.#owed += bytes.length;
    if (this.connection.sendData(stream, bytes, endStream)) this.onWritable(stream);
  }

  override onTrailers(stream: Http2Stream, fields: readonly HeaderField[]): void {
    this.connection.sendTrailers(stream, fields);
  }

  onWritable(stream: Http2Stream): void {
    this.connection.consume(stream, this.#owed);
    this.#owed = 0;
  }
}

const piece = Buffer.alloc(64 * 1024, 'x');

class Source extends Quiet {
  #left: number;

  constructor(connection: Http2Connection, size: number) {
    super(connection);
    this.#left = size;
  }

  onData(stream: Http2Stream, bytes: Buffer): void {
    this.connection.consume(stream, bytes.length);
  }

  onWritable(stream: Http2Stream): void {
    let more = true;
    while (more && !stream.localEnded && !stream.gone) {
      const part = this.#left === 5 ? Buffer.from('hello') : piece.subarray(0, Math.min(piece.length, this.#left));
      this.#left -= part.length;
      more = this.connection.sendData(stream, part, this.#left === 0);
    }
  }
}

/** Listens on loopback. */
export async function listenEcho(port: number): Promise<Server> {
  const server = createServer((socket: Socket) => {
    socket.setNoDelay(true);
    serveEcho(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

if (import.meta.main) await listenEcho(Number(process.argv[2]));
