import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { parseAuthority } from '../net/hostname.ts';
import { admitTunnel } from './admit-tunnel.ts';
import { destinationOf, rowsOf } from './connection-origin.ts';
import type { ConnectionOrigin } from './connection-origin.ts';
import type { EgressContext } from './context.ts';
import { Exchange } from './exchange.ts';
import { identify } from './identify.ts';
import { readFirstBytes } from './first-bytes.ts';
import { Http1Answer } from './http1-answer.ts';
import { http2Refusal, unspokenHttp2 } from './http2-refusal.ts';
import { LentWriter } from './lent-writer.ts';
import { ReadGate } from './read-gate.ts';
import { refusal, refusalResponse, unreadRefusal } from './refusals.ts';
import { isOfUse } from './request-judge.ts';
import type { Refusal } from './refusals.ts';
import type { AnswerWriter, RequestSource, SharedRoute } from './request-source.ts';
import type { Share, Turns } from './turns.ts';
import type { Destination, Refused } from './target.ts';
import { openTunnel } from './tunnel.ts';
import { findHeadEnd } from './wire/head-end.ts';
import { buildResponseHead } from './wire/forward-response.ts';
import type { RequestHead, ResponseHead } from './wire/head.ts';
import { parseRequestHead } from './wire/http1-request.ts';
import { WireError } from './wire/wire-error.ts';

const idleLimitMs = 120_000;
const headLimitMs = 30_000;
/** Bytes of following requests that are held while one is under way. */
const maxHeld = 64 * 1024;
/** After the last answer the client's remaining bytes are read and thrown away this long, so that it can read ours. */
const lingerMs = 2_000;

/** One client's HTTP/1.1 connection: reads heads, and has one exchange after the other. */
export class ClientConnection implements RequestSource {
  readonly context: EgressContext;
  readonly socket: Socket;
  readonly origin: ConnectionOrigin;
  /** Null for a connection to the proxy itself. */
  readonly destination: Destination | null;
  readonly misdirected: Refused | null;
  place = -1;
  deadline = Date.now() + headLimitMs;
  readonly shared: SharedRoute;
  readonly passesBytes = true;
  share: Share | null = null;
  /** Whose share it is: of the last request that said so. */
  sandboxId: string | null = null;
  /** Until somebody says whose the connection is: that of all who are unknown at its address. */
  #strangers: ReturnType<Turns['holdStranger']> | null = null;
  #head: RequestHead | null = null;
  /** For TLS; over plain TCP a copy of what is lent is as good. */
  readonly #writer: LentWriter | null;
  #held: Buffer | null = null;
  /** So many bytes of the next head have come, and do not hold its end. */
  #searched = 0;
  readonly #reading: ReadGate;
  #exchange: Exchange | null = null;
  /** Bytes are being consumed: an exchange that ends at once must not consume them a second time. */
  #consuming = false;
  #closing = false;
  #halfClosed = false;
  /** What is held has not been looked at yet. */
  #awaitsTurn = false;

  /** Serves the connection until it closes. */
  static serve(context: EgressContext, socket: Socket, origin: ConnectionOrigin): ClientConnection {
    return new ClientConnection(context, socket, origin);
  }

  private constructor(context: EgressContext, socket: Socket, origin: ConnectionOrigin) {
    this.context = context;
    this.socket = socket;
    this.#reading = new ReadGate(socket);
    this.origin = origin;
    this.shared = { route: null, rows: rowsOf(context, socket, origin) };
    const { destination, misdirected } = destinationOf(origin);
    this.destination = destination;
    this.misdirected = misdirected;
    this.#writer = origin.tls === null ? null : new LentWriter(socket, this.#onDrain);
    if (origin.sandboxId === null) this.#strangers = context.turns.holdStranger(socket);
    else this.identified(origin.sandboxId);
    context.connections.add(this);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
    socket.resume();
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress ?? '';
  }

  get caller(): string | null {
    return this.origin.sandboxId;
  }

  identified(sandboxId: string): Share {
    if (this.share !== null && this.sandboxId === sandboxId) return this.share;
    this.#releaseShare();
    this.sandboxId = sandboxId;
    return (this.share = this.context.turns.hold(sandboxId));
  }

  /** What was read of the socket before this serves it: comes before all that it reads. */
  begin(first: Buffer): void {
    this.#onData(first);
  }

  #onData = (chunk: Buffer): void => {
    if (this.#closing) return;
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    if (this.#turns === null || this.#turns.enter(this.#onTurn)) {
      this.#consume(bytes);
      return;
    }
    this.#held = bytes;
    this.#awaitsTurn = true;
    this.pause();
  };

  /** In whose turns it is read. */
  get #turns(): Share | null {
    return this.share ?? this.#strangers?.share ?? null;
  }

  #onTurn = (): void => {
    this.#awaitsTurn = false;
    if (!this.#closing) this.goOn();
  };

  #consume(bytes: Buffer): void {
    const share = this.#turns;
    const begun = share === null ? 0 : share.begin();
    this.#cut(bytes);
    share?.end(begun, bytes.length);
  }

  #cut(bytes: Buffer): void {
    this.#held = null;
    this.#consuming = true;
    let at = 0;
    while (at < bytes.length && !this.#closing) {
      const exchange = this.#exchange;
      if (exchange !== null) {
        if (exchange.switched) {
          exchange.takeSwitched(at === 0 ? bytes : bytes.subarray(at));
          at = bytes.length;
          break;
        }
        if (!exchange.wantsBody) break;
        at = exchange.takeBody(bytes, at);
        continue;
      }
      if (this.#isBlocked) {
        this.pause();
        break;
      }
      const end = findHeadEnd(bytes, at, { limit: this.context.turns.limits.headBytes, searched: this.#searched });
      this.#searched = end === -1 ? bytes.length - at : 0;
      if (end instanceof WireError) {
        this.#refuseUnread(end, bytes.subarray(at));
        break;
      }
      if (end === -1) {
        if (at === 0) this.deadline = Math.min(this.deadline, Date.now() + headLimitMs);
        break;
      }
      const head = parseRequestHead(bytes, at, end);
      if (head instanceof WireError) {
        this.#refuseUnread(head, bytes.subarray(at));
        break;
      }
      if (head.targetForm === 'authority' && this.origin.mode === 'proxy') {
        this.#openTunnel(head, bytes.subarray(end));
        return;
      }
      at = this.#begin(head, bytes, end);
    }
    this.#consuming = false;
    if (at < bytes.length && !this.#closing) this.#hold(at === 0 ? bytes : bytes.subarray(at));
  }

  /** Who does not read its answers is not given more of them to hold here. */
  get #isBlocked(): boolean {
    return this.#writer === null ? this.socket.writableNeedDrain : this.#writer.awaited;
  }

  #hold(rest: Buffer): void {
    this.#held = rest;
    if (rest.length > maxHeld && this.#exchange !== null) this.pause();
  }

  #begin(head: RequestHead, bytes: Buffer, bodyStart: number): number {
    this.deadline = Number.POSITIVE_INFINITY;
    this.#head = head;
    const exchange = new Exchange(this, head);
    this.#exchange = exchange;
    return exchange.begin(bytes, bodyStart);
  }

  /** Called by the exchange when its answer is written: the next request's turn, or the end. */
  finish(exchange: Exchange, options: { keepAlive: boolean }): void {
    if (this.#exchange !== exchange) return;
    this.#exchange = null;
    if (!options.keepAlive || this.context.connections.draining) {
      this.close();
      return;
    }
    this.deadline = Date.now() + idleLimitMs;
    if (!this.#consuming) this.goOn();
  }

  /** Reads on, what is held first: of the next request, or of the protocol that was switched to. */
  goOn(): void {
    this.resume();
    if (this.#held !== null && !this.#consuming) this.#consume(this.#held);
    if (this.#halfClosed) this.#ended();
  }

  /** Reads no more for now. */
  pause(): void {
    this.#reading.pause();
  }

  resume(): void {
    this.#reading.resume();
  }

  write(bytes: Buffer): boolean {
    if (this.#writer !== null) return this.#writer.write(bytes);
    return this.socket.destroyed || this.socket.write(Buffer.from(bytes));
  }

  interim(head: ResponseHead): void {
    this.write(buildResponseHead(head));
  }

  answer(): AnswerWriter {
    return new Http1Answer(this, this.#head?.minorVersion ?? 1);
  }

  refuse(refused: Refusal, options: { keepAlive: boolean; head: boolean }): void {
    this.write(refusalResponse(refused, options));
  }

  /** Ends our side, and goes on reading: the client may still have something to say to the upstream. */
  endWriting(): void {
    this.#writer?.finish();
    this.socket.end();
  }

  /** Everything is said: ends our side, then reads on for a moment, lest a reset takes the answer away. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#held = null;
    // A slow reader still has to get what is queued for it.
    this.deadline = Date.now() + idleLimitMs;
    this.#writer?.finish();
    this.socket.end(() => (this.deadline = Date.now() + lingerMs));
    this.resume();
  }

  #refuseUnread(error: WireError, bytes: Buffer): void {
    if (this.#head === null && readFirstBytes(bytes) === 'http2') {
      this.#refuseHttp2();
      return;
    }
    const refused = unreadRefusal(error);
    this.shared.rows.unread(refused.code);
    this.#answer(refused);
  }

  /** Who begins with HTTP/2 reads no answer of HTTP/1.1. */
  #refuseHttp2(): void {
    const what = this.origin.tls === null ? unspokenHttp2.cleartext : unspokenHttp2.notAgreed;
    this.shared.rows.unread(what);
    this.#consuming = false;
    this.write(http2Refusal(what));
    this.close();
  }

  #answer(refused: Refusal): void {
    this.#consuming = false;
    this.refuse(refused, { keepAlive: false, head: false });
    this.close();
  }

  #openTunnel(head: RequestHead, rest: Buffer): void {
    this.#consuming = false;
    this.pause();
    this.deadline = Number.POSITIVE_INFINITY;
    const authority = parseAuthority(head.target, 0);
    if (authority === null || authority.port === 0) {
      this.#answer(refusal('bad_request', 'CONNECT takes host:port (RFC 9110 section 9.3.6)'));
      return;
    }
    const host = head.host === null ? authority : parseAuthority(head.host, authority.port);
    if (host === null || host.host !== authority.host || host.port !== authority.port) {
      this.#answer(
        refusal('misdirected_request', `Host does not name ${authority.host}:${authority.port}, as CONNECT does`),
      );
      return;
    }
    identify(this.context, { head, from: this }, (entry) => {
      if (this.socket.destroyed) return;
      if ('code' in entry) {
        this.#answer(entry);
        return;
      }
      const refused = admitTunnel(this.context, entry, authority);
      if (refused !== null) {
        this.#answer(refused);
        return;
      }
      this.#detach();
      this.socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (rest.length > 0) this.socket.unshift(rest);
      openTunnel(this.context, this.socket, { sandboxId: entry.snapshot.id, connect: authority, dialled: null });
    });
  }

  #onEnd = (): void => {
    this.#halfClosed = true;
    this.#ended();
  };

  /** The client sends no more. What came before its end, and could not be looked at yet, comes first. */
  #ended(): void {
    if (this.#awaitsTurn || this.#consuming || this.#closing) return;
    if (this.#exchange !== null) this.#exchange.clientEnded();
    else if (this.#held === null || !this.#isBlocked) this.close();
  }

  #onError = (): void => {
    this.socket.destroy();
  };

  #onDrain = (): void => {
    if (this.#exchange !== null) this.#exchange.clientDrained();
    else if (!this.#closing) this.goOn();
  };

  #onClose = (): void => {
    this.#closing = true;
    this.#release();
    this.#writer?.release();
    this.#exchange?.clientClosed();
    this.#exchange = null;
    this.shared.rows.close();
  };

  #release(): void {
    this.context.connections.delete(this);
    this.#releaseShare();
  }

  #releaseShare(): void {
    if (this.sandboxId !== null) this.context.turns.release(this.sandboxId);
    this.#strangers?.leave();
    this.sandboxId = null;
    this.#strangers = null;
  }

  #detach(): void {
    this.#release();
    this.socket.off('data', this.#onData);
    this.socket.off('end', this.#onEnd);
    this.socket.off('error', this.#onError);
    this.socket.off('close', this.#onClose);
    this.socket.off('drain', this.#onDrain);
  }

  reconsider(): void {
    if (this.#exchange !== null) {
      this.#exchange.reconsider();
      return;
    }
    void isOfUse(this.context, this.sandboxId, this.destination).then((isNeeded) => {
      if (!isNeeded && this.#exchange === null) this.socket.destroy();
    });
  }

  expire(): void {
    if (this.#exchange !== null) this.#exchange.expire();
    else this.socket.destroy();
  }

  drain(): void {
    if (this.#exchange === null) this.socket.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }
}
