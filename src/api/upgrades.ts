import { ServerResponse } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { execSubprotocol } from '../contract/exec-wire.ts';
import { StandinError } from '../errors.ts';
import type { Previews } from './previews.ts';
import { writeRefusal } from './raw-refusal.ts';

/** A start frame carries a whole command line. */
const maxPayload = 1024 * 1024;

/** How long a peer may take to answer the close of a stopping server. */
const closeGraceMs = 1000;

/**
 * Requests to upgrade go the way of every other, through host check, authentication and limits, and are refused like
 * every other; only the handler of the operation accepts one.
 */
export class Upgrades {
  readonly #pending = new WeakMap<IncomingMessage, { socket: Duplex; head: Buffer }>();
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload,
    perMessageDeflate: false,
    handleProtocols: () => execSubprotocol,
  });

  readonly #previews: Previews;

  constructor(previews: Previews) {
    this.#previews = previews;
    this.#sockets.on('wsClientError', (_error, socket) => {
      writeRefusal(socket, 'bad_request', 'this is not a WebSocket handshake as RFC 6455 has it');
    });
  }

  /** Only WebSockets: any other `Upgrade` is ignored, as RFC 9110, section 7.8 allows. */
  wanted(request: IncomingMessage): boolean {
    return request.headers.upgrade?.toLowerCase() === 'websocket';
  }

  /** Routes the upgrades that arrive at `server` through `app`. */
  listen(server: Server, app: FastifyInstance): void {
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      const place = this.#previews.placeOf(request);
      if (place !== null) {
        void this.#previews.upgrade(place, request, { socket, head });
        return;
      }
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.once('finish', () => socket.end());
      response.assignSocket(socket);
      this.#pending.set(request, { socket, head });
      app.routing(request, response);
    });
  }

  /** Throws `bad_request` where the request does not ask for this WebSocket. `response` is of no use afterwards. */
  accept(request: IncomingMessage, response: ServerResponse, serve: (socket: WebSocket) => void): void {
    const pending = this.#pending.get(request);
    const offered = request.headers['sec-websocket-protocol']?.split(',').map((each) => each.trim()) ?? [];
    if (pending === undefined || !offered.includes(execSubprotocol)) {
      throw new StandinError('bad_request', `this takes a WebSocket with the subprotocol ${execSubprotocol}`);
    }
    const { socket, head } = pending;
    response.detachSocket(request.socket);
    request.socket.setKeepAlive(true, 30_000);
    this.#sockets.handleUpgrade(request, socket, head, serve);
  }

  /** Ends every WebSocket. */
  close(): void {
    for (const socket of this.#sockets.clients) {
      socket.close(1001, 'the server is stopping');
      setTimeout(() => socket.terminate(), closeGraceMs).unref();
    }
  }
}
