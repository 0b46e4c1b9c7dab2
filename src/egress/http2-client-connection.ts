import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { destinationOf, rowsOf } from './connection-origin.ts';
import type { ConnectionOrigin } from './connection-origin.ts';
import type { EgressContext, TrackedConnection } from './context.ts';
import { Http2Endpoint } from './http2-endpoint.ts';
import { Http2Request, refusalFields } from './http2-request.ts';
import { unreadRefusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import { isOfUse } from './request-judge.ts';
import type { SharedRoute } from './request-source.ts';
import type { Destination, Refused } from './target.ts';
import { RecentFields } from './wire/http2/recent-fields.ts';
import { requestHead } from './wire/http2/request-head.ts';
import type { RequestFields } from './wire/http2/request-fields.ts';
import type { Http2Stream, StreamHandler } from './wire/http2/stream.ts';
import { WireError } from './wire/wire-error.ts';

const idleLimitMs = 120_000;
/** So often it is looked at whether the client takes anything of answers that wait for it alone. */
const untakenLimitMs = 120_000;
const lingerMs = 2_000;

/** One client's connection in HTTP/2: many requests at once, each an exchange of its own. */
export class Http2ClientConnection extends Http2Endpoint implements TrackedConnection {
  readonly context: EgressContext;
  readonly origin: ConnectionOrigin;
  readonly destination: Destination | null;
  readonly misdirected: Refused | null;
  readonly shared: SharedRoute;
  readonly recent = new RecentFields();
  place = -1;
  #closing = false;
  #idleUntil = Date.now() + idleLimitMs;
  #untakenUntil = Number.POSITIVE_INFINITY;

  /** Serves the connection until it closes. */
  static serve(context: EgressContext, socket: Socket, origin: ConnectionOrigin): Http2ClientConnection {
    return new Http2ClientConnection(context, socket, origin);
  }

  private constructor(context: EgressContext, socket: Socket, origin: ConnectionOrigin) {
    const { sandboxId } = origin;
    super({
      socket,
      share: sandboxId === null ? null : context.turns.holdOpen(sandboxId, socket),
      role: 'server',
      maxHeaderListBytes: context.turns.limits.headBytes,
    });
    this.context = context;
    this.origin = origin;
    this.shared = { route: null, rows: rowsOf(context, socket, origin) };
    const { destination, misdirected } = destinationOf(origin);
    this.destination = destination;
    this.misdirected = misdirected;
    context.connections.add(this);
    socket.on('data', (chunk: Buffer) => this.reading.read(chunk));
    socket.on('end', () => this.#close());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed());
    socket.resume();
  }

  get deadline(): number {
    return Math.min(this.#idleUntil, this.#untakenUntil);
  }

  /** An answer is complete, and waits for the client to take it. */
  watchUntaken(): void {
    if (this.#untakenUntil === Number.POSITIVE_INFINITY) {
      this.#untakenUntil = this.context.connections.now + untakenLimitMs;
    }
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress ?? '';
  }

  get sandboxId(): string | null {
    return this.origin.sandboxId;
  }

  onRequest(stream: Http2Stream, request: RequestFields, endStream: boolean): StreamHandler {
    this.#idleUntil = Number.POSITIVE_INFINITY;
    const webSocketKey = request.protocol === null ? '' : randomBytes(16).toString('base64');
    const scheme = this.origin.tls === null ? 'http' : 'https';
    const head = requestHead(request, {
      endStream,
      scheme,
      webSocketKey,
      maxBytes: this.context.turns.limits.headBytes,
    });
    if (head instanceof WireError) {
      this.#refuseUnread(stream, head, true);
      return unheard;
    }
    const source = new Http2Request(this, stream, head);
    // Its first event may be that it was reset.
    stream.handler = source;
    source.begin();
    return source;
  }

  onMalformed(stream: Http2Stream, error: WireError): void {
    // What is not ended is reset with PROTOCOL_ERROR, which what is too large is not.
    this.#refuseUnread(stream, error, error.status !== 400);
  }

  #refuseUnread(stream: Http2Stream, error: WireError, endStream: boolean): void {
    const refused = unreadRefusal(error);
    this.shared.rows.unread(refused.code);
    const { fields, body } = refusalFields(refused);
    this.http2.respond(stream, fields, false);
    this.http2.sendData(stream, body, endStream);
  }

  /** The proxy's own answer. */
  refuse(stream: Http2Stream, refused: Refusal, { head }: { head: boolean }): void {
    const { fields, body } = refusalFields(refused);
    this.http2.respond(stream, fields, head);
    if (!head) this.http2.sendData(stream, body, true);
  }

  protected get isOver(): boolean {
    return this.#closing;
  }

  onReady(): void {}

  onGoaway(): void {}

  onIdle(): void {
    if (this.#closing || this.context.connections.draining) this.#close();
    else this.#idleUntil = this.context.connections.now + idleLimitMs;
  }

  onFault(): void {
    this.#close();
  }

  /** What is to be said is written, then the connection ends. */
  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.flush();
    this.#idleUntil = Date.now() + idleLimitMs;
    this.writer.finish();
    this.socket.end(() => (this.#idleUntil = Date.now() + lingerMs));
    this.socket.resume();
  }

  #closed(): void {
    this.#closing = true;
    this.context.connections.delete(this);
    this.writer.release();
    this.http2.end('the connection is closed');
    this.shared.rows.close();
  }

  expire(): void {
    const { now } = this.context.connections;
    if (this.#untakenUntil <= now) {
      const goesOn = this.http2.giveUpUntaken();
      this.#untakenUntil = goesOn ? now + untakenLimitMs : Number.POSITIVE_INFINITY;
    }
    if (this.#idleUntil <= now) this.#end();
  }

  #end(): void {
    if (this.http2.openStreams === 0 && !this.#closing) {
      this.http2.shutdown();
      this.#close();
    } else {
      this.socket.destroy();
    }
  }

  /** Its streams are asked one by one. */
  reconsider(): void {
    if (this.http2.openStreams > 0) return;
    void isOfUse(this.context, this.sandboxId, this.destination).then((isNeeded) => {
      if (!isNeeded && this.http2.openStreams === 0) this.#end();
    });
  }

  drain(): void {
    this.http2.shutdown();
    this.flush();
    if (this.http2.openStreams === 0) this.#close();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Of a stream that has been answered already. */
const unheard: StreamHandler = {
  onInterim: () => undefined,
  onResponse: () => undefined,
  onData: () => undefined,
  onTrailers: () => undefined,
  onWritable: () => undefined,
  onReset: () => undefined,
};
