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
import { endGently, writeRefusal } from './raw-refusal.ts';

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

  /** What is still being answered on a connection. */
  readonly #answers = new WeakMap<Duplex, Set<ServerResponse>>();
  readonly #previews: Previews;

  constructor(previews: Previews) {
    this.#previews = previews;
    this.#sockets.on('wsClientError', (_error, socket) => {
      writeRefusal(socket, 'bad_request', 'this is not a WebSocket handshake as RFC 6455 has it');
    });
  }

  /**
   * Only WebSockets: any other `Upgrade` is ignored, as RFC 9110, section 7.8 allows, and so is one with content, which a
   * handshake has not (RFC 6455, section 4.1).
   */
  wanted({ method, headers }: IncomingMessage): boolean {
    const hasContent = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
    return headers.upgrade?.toLowerCase() === 'websocket' && method === 'GET' && !hasContent;
  }

  /** Routes the upgrades that arrive at `server` through `app`. */
  listen(server: Server, app: FastifyInstance): void {
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      const answers = this.#answers.get(socket) ?? new Set();
      this.#answers.set(socket, answers.add(response));
      response.once('close', () => answers.delete(response));
    });
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      const route = () => this.#route(app, { request, socket, head });
      if ((this.#answers.get(socket)?.size ?? 0) === 0) route();
      else this.#awaitTurn(socket, route);
    });
  }

  /** Answers come in the order of their requests (RFC 9112, section 9.3.2), and Node gives a connection to one at a time. */
  #awaitTurn(socket: Socket, go: () => void): void {
    // Before the answer to its handshake a client says nothing (RFC 6455, section 4.1). That it went shows by reading only.
    const look = () => {
      if (socket.read() !== null) socket.destroy();
    };
    const end = () => socket.destroy();
    // Node no longer tells those that wait for their turn too.
    const close = () => this.#answers.get(socket)?.forEach((each) => each.destroy().emit('close'));
    socket.on('readable', look).on('end', end).on('close', close);
    const answered = () => {
      const [next] = this.#answers.get(socket) ?? [];
      if (next !== undefined) {
        next.once('close', answered);
        return;
      }
      socket.off('readable', look).off('end', end).off('close', close);
      go();
    };
    answered();
  }

  #route(
    app: FastifyInstance,
    { request, socket, head }: { request: IncomingMessage; socket: Socket; head: Buffer },
  ): void {
    // It may have been the last by what its answer said.
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    // Of its keeping alive, since the answer before.
    socket.setTimeout(0);
    const place = this.#previews.placeOf(request);
    if (place !== null) {
      void this.#previews.upgrade(place, request, { socket, head });
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.once('finish', () => endGently(socket));
    try {
      response.assignSocket(socket);
    } catch {
      // What Node answers by itself, such as a request without Host, is seen by nobody else, and may still be written.
      socket.destroy();
      return;
    }
    this.#pending.set(request, { socket, head });
    app.routing(request, response);
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
