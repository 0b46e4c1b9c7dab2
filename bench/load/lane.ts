import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { LoadOrder, LoadTarget } from './protocol.ts';

/** One request at a time, again and again: what a client with one connection does. */
export interface Lane {
  /** Sends the request; resolves with its last byte. On a connection of its own where the order says so. */
  ask(): Promise<void>;
  close(): void;
  cipher(): string;
}

/** Opens lanes; those on keep-alive are connected when it resolves. */
export async function openLanes(order: LoadOrder): Promise<Lane[]> {
  const context = createSecureContext({ ca: order.target.ca });
  const connectLane = () => openConnection(order.target, context);
  const request = Buffer.from(order.request, 'latin1');
  return await Promise.all(
    Array.from({ length: order.lanes }, async () =>
      order.newConnections
        ? freshLane(connectLane, { request, bodyBytes: order.bodyBytes })
        : steadyLane(await connectLane(), { request, bodyBytes: order.bodyBytes }),
    ),
  );
}

interface Exchange {
  request: Buffer;
  bodyBytes: number;
}

function steadyLane(socket: TLSSocket, exchange: Exchange): Lane {
  let asked: PromiseWithResolvers<void> | null = null;
  socket.on(
    'data',
    responseCounter(exchange.bodyBytes, (error) => {
      if (error === null) asked?.resolve();
      else asked?.reject(error);
    }),
  );
  socket.on('error', (error) => asked?.reject(error));
  socket.on('close', () => asked?.reject(new Error('a connection closed while it was in use')));
  return {
    ask: () => {
      const answered = Promise.withResolvers<void>();
      asked = answered;
      socket.write(exchange.request);
      return answered.promise;
    },
    close: () => void socket.destroy(),
    cipher: () => `${socket.getProtocol() ?? 'TLS'} ${socket.getCipher().name}`,
  };
}

function freshLane(connectLane: () => Promise<TLSSocket>, exchange: Exchange): Lane {
  let current: Lane | null = null;
  let cipher = '';
  return {
    ask: async () => {
      const lane = steadyLane(await connectLane(), exchange);
      current = lane;
      cipher = lane.cipher();
      try {
        await lane.ask();
      } finally {
        lane.close();
      }
    },
    close: () => current?.close(),
    cipher: () => cipher,
  };
}

/**
 * Calls `finish` at the end of each response. Every response is checked: status 200 shows that the upstream got the
 * real credential, the length that the body came whole.
 */
function responseCounter(bodyBytes: number, finish: (error: Error | null) => void): (piece: Buffer) => void {
  let missing = 0;
  let head: Buffer | null = null;
  return (piece) => {
    let body = piece;
    if (missing === 0) {
      const start = head === null ? piece : Buffer.concat([head, piece]);
      const end = start.indexOf('\r\n\r\n');
      if (end < 0) {
        head = start;
        return;
      }
      head = null;
      const text = start.toString('latin1', 0, end + 2).toLowerCase();
      if (!text.startsWith('http/1.1 200 ') || !text.includes(`\r\ncontent-length: ${bodyBytes}\r\n`)) {
        finish(new Error(`an answer was not 200 with ${bodyBytes} bytes: ${start.toString('latin1', 0, 300)}`));
        return;
      }
      missing = bodyBytes;
      body = start.subarray(end + 4);
    }
    missing -= body.length;
    if (missing < 0) finish(new Error('a body was longer than announced'));
    else if (missing === 0) finish(null);
  };
}

async function openConnection(target: LoadTarget, secureContext: SecureContext): Promise<TLSSocket> {
  const tcp = connectTcp({ port: target.port, host: '127.0.0.1', noDelay: true });
  await settled(tcp, 'connect');
  if (target.tunnelAs !== null) await openTunnel(tcp, target.host, target.tunnelAs);
  const socket = connectTls({ socket: tcp, servername: target.host, secureContext });
  await settled(socket, 'secureConnect');
  return socket;
}

async function openTunnel(socket: Socket, host: string, authorization: string): Promise<void> {
  socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\nProxy-Authorization: ${authorization}\r\n\r\n`);
  const answer = await new Promise<Buffer>((resolve, reject) => {
    socket.once('data', resolve).once('error', reject);
  });
  socket.pause();
  if (!/^HTTP\/1\.1 2\d\d [^]*\r\n\r\n$/.test(answer.toString('latin1')))
    throw new Error(`CONNECT: ${answer.toString('latin1')}`);
}

function settled(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => {
      socket.off('error', reject);
      resolve();
    });
    socket.once('error', reject);
  });
}
