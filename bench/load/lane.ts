import { createSecureContext } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { openConnection } from './connect.ts';
import { http2Lanes } from './http2-lane.ts';
import type { LoadRequest, LoadShape, LoadTarget } from './protocol.ts';
import { responseCounter } from './response-counter.ts';

/** One that every peer has, so that all pay the same: not all are built with one that withstands quantum computers. */
const keyExchange = 'X25519';

/** One request at a time, again and again: what a client with one connection, or one stream after the other, does. */
export interface Lane {
  /** Sends the request; resolves with its last byte. On a connection of its own where the order says so. */
  ask(): Promise<void>;
  close(): void;
  cipher(): string;
}

/** So many handshakes are under way at once: the others would wait for a core anyway. */
const handshakesAtOnce = 64;

/** What lanes are made of. */
export interface LaneOrder extends LoadShape {
  targets: readonly LoadTarget[];
  request: LoadRequest;
}

/** Opens lanes; those on keep-alive are connected when it resolves. */
export async function openLanes(order: LaneOrder): Promise<Lane[]> {
  const { targets, protocol, lanes, newConnections, request } = order;
  const contexts = new Map<string, ReturnType<typeof createSecureContext>>();
  const connect = (target: LoadTarget) => {
    let secureContext = contexts.get(target.ca);
    if (secureContext === undefined) {
      secureContext = createSecureContext({ ca: target.ca, ecdhCurve: keyExchange });
      contexts.set(target.ca, secureContext);
    }
    return openConnection(target, { secureContext, protocol });
  };
  const bytes = new Map(targets.map((target) => [target, Buffer.from(requestText(request.path, target), 'latin1')]));
  const exchange = (target: LoadTarget) => ({
    request: bytes.get(target) ?? Buffer.alloc(0),
    bodyBytes: request.bodyBytes,
  });
  const count = protocol === 'h2' ? order.connections : Math.max(order.connections, lanes);
  const wanted = Array.from({ length: count }, (_, index) => targets[index % targets.length]);
  const opened: Lane[] = [];
  const openNext = async () => {
    for (let target = wanted.pop(); target !== undefined; target = wanted.pop()) {
      const own = target;
      if (newConnections) opened.push(freshLane(() => connect(own), exchange(own)));
      else if (protocol === 'http/1.1') opened.push(steadyLane(await connect(own), exchange(own)));
      else opened.push(...(await http2Lanes(await connect(own), { target: own, request, count: lanes / count })));
    }
  };
  try {
    await Promise.all(Array.from({ length: handshakesAtOnce }, openNext));
  } catch (error) {
    for (const lane of opened) lane.close();
    throw error;
  }
  return opened;
}

/** What an SDK sends, about. */
export const commonHeaders: readonly (readonly [string, string])[] = [
  ['User-Agent', 'example-sdk/1.2.3 (linux; x64)'],
  ['Accept', 'application/json'],
  ['Accept-Encoding', 'gzip, deflate'],
  ['X-Request-Timeout', '600'],
  ['Content-Type', 'application/json'],
];

function requestText(path: string, { authority, credential }: LoadTarget): string {
  const fields = [['Host', authority], ...commonHeaders, ['Authorization', `Bearer ${credential}`]];
  return `GET ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

interface Exchange {
  request: Buffer;
  bodyBytes: number;
}

function steadyLane(socket: TLSSocket, exchange: Exchange): Lane {
  let asked: PromiseWithResolvers<void> | null = null;
  const count = responseCounter(exchange.bodyBytes, (error) => {
    if (error === null) asked?.resolve();
    else asked?.reject(error);
  });
  socket.on('data', count);
  socket.on('error', (error) => asked?.reject(error));
  socket.on('close', () => asked?.reject(new Error('a connection closed while it was in use')));
  return {
    ask: () => {
      const answered = Promise.withResolvers<void>();
      asked = answered;
      if (socket.destroyed) answered.reject(new Error('a connection was closed while it was idle'));
      else socket.write(exchange.request);
      return answered.promise;
    },
    close: () => void socket.destroy(),
    cipher: () => cipherOf(socket),
  };
}

/** TLS version and cipher of a connection. */
export function cipherOf(socket: TLSSocket): string {
  return `${socket.getProtocol() ?? 'TLS'} ${socket.getCipher().name}`;
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
