import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { ServerCertificate } from './certificates.ts';
import { ConnectionClosed, readBody, readBytes, readHead } from './http-bytes.ts';
import type { Body, Head } from './http-bytes.ts';
import { listenOnLoopback } from './ports.ts';
import { sized } from './replies.ts';
import type { Reply } from './replies.ts';

/** A request as the upstream received it. */
export interface UpstreamRequest {
  head: Head;
  method: string;
  target: string;
  /** Resolves when the body came whole; rejects with {@link ConnectionClosed} where it did not. */
  body: Promise<Body>;
  connection: UpstreamConnection;
}

export interface UpstreamConnection {
  /** Counts from 0. */
  index: number;
  serverName: string | null;
  sessionReused: boolean;
  /** Every byte received on it so far. */
  received(): Buffer;
  closed: Promise<void>;
}

/** A TLS HTTP/1.1 upstream, made of raw bytes so that fidelity can be checked to the byte. */
export interface TlsUpstream {
  port: number;
  requests: UpstreamRequest[];
  connections: UpstreamConnection[];
  /** Every byte received, on all connections: where a value must not turn up. */
  receivedText(): string;
  stop(): Promise<void>;
}

export interface TlsUpstreamOptions {
  certificate: ServerCertificate;
  /** Called when a head has come; it may wait for the body. Without: 200 and an empty body. */
  respond?: (request: UpstreamRequest) => Reply | Promise<Reply>;
  /** Called for each new connection, before anything is read: `destroy()` it to play a dying upstream. */
  onConnection?: (socket: TLSSocket, connection: UpstreamConnection) => void;
}

/** Listens on a loopback port of the system's choice. */
export async function startTlsUpstream(options: TlsUpstreamOptions): Promise<TlsUpstream> {
  const upstream = { requests: [] as UpstreamRequest[], connections: [] as UpstreamConnection[] };
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert: options.certificate.certPem, key: options.certificate.keyPem }, (socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)));
    const pieces: Buffer[] = [];
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    const reader = readBytes(socket);
    const connection: UpstreamConnection = {
      index: upstream.connections.length,
      serverName: typeof socket.servername === 'string' ? socket.servername : null,
      sessionReused: socket.isSessionReused(),
      received: () => Buffer.concat(pieces),
      closed: reader.closed,
    };
    upstream.connections.push(connection);
    options.onConnection?.(socket, connection);
    void (async () => {
      for (;;) {
        const head = await readHead(reader);
        const [method = '', target = ''] = head.startLine.split(' ');
        const body = readBody(reader, head, 'none');
        body.catch(() => undefined);
        const request: UpstreamRequest = { head, method, target, body, connection };
        upstream.requests.push(request);
        const reply = await (options.respond?.(request) ?? sized(200));
        for await (const bytes of reply.bytes) await write(socket, bytes);
        if (reply.close === 'reset') return void socket.resetAndDestroy();
        if (reply.close === 'end') return void socket.end();
        await body;
      }
    })().catch((error: unknown) => {
      if (error instanceof ConnectionClosed) socket.end();
      else socket.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  const port = await listenOnLoopback(server);
  return {
    ...upstream,
    port,
    receivedText: () => upstream.connections.map((each) => each.received().toString('latin1')).join('\n'),
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Resolves when the bytes are handed to the system, so that a slow reader slows the reply down. */
function write(socket: TLSSocket, bytes: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, (error) => {
      if (error instanceof Error) reject(new ConnectionClosed(Buffer.alloc(0)));
      else resolve();
    });
  });
}
