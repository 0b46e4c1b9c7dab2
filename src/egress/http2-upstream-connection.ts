import type { Socket } from 'node:net';
import { Http2UpstreamStream } from './http2-upstream-stream.ts';
import { LentWriter } from './lent-writer.ts';
import type { UpstreamPool } from './upstream.ts';
import type { ConnectionHandler } from './wire/http2/connection-handler.ts';
import { Http2Connection } from './wire/http2/connection.ts';
import type { ConnectionFault } from './wire/http2/fault.ts';

/** A connection in HTTP/2 to one upstream for one sandbox: many requests at once, each on a stream of its own. */
export class Http2UpstreamConnection implements ConnectionHandler {
  readonly key: string;
  readonly address: string;
  readonly http2: Http2Connection;
  /** Resolves when the upstream has said what it allows; rejects where the connection ends before. */
  readonly ready: Promise<void>;
  /** Milliseconds since the epoch; infinity while it is used. */
  idleSince = Date.now();
  readonly #pool: UpstreamPool;
  readonly #socket: Socket;
  readonly #writer: LentWriter;
  readonly #becomesReady = Promise.withResolvers<void>();
  #flushing = false;
  #paused = false;
  #closing = false;

  constructor(parts: { pool: UpstreamPool; socket: Socket; key: string; address: string }) {
    this.#pool = parts.pool;
    this.#socket = parts.socket;
    this.key = parts.key;
    this.address = parts.address;
    this.ready = this.#becomesReady.promise;
    this.#writer = new LentWriter(parts.socket, () => this.http2.drained());
    this.http2 = new Http2Connection({ role: 'client', handler: this });
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('end', () => this.#socket.destroy());
    this.#socket.on('close', () => this.#closed());
    this.#pool.share(this);
    this.onOutput();
  }

  get canOpen(): boolean {
    return !this.#closing && this.http2.canOpen;
  }

  /** The way for one more request. `canOpen` was true. */
  link(): Http2UpstreamStream {
    return new Http2UpstreamStream(this);
  }

  /** Called by the socket's `onread`; the bytes are lent. */
  receive(bytes: Buffer): boolean {
    if (!this.#closing && this.http2.receive(bytes) === null) this.#regulate();
    return true;
  }

  onOutput(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    this.http2.flush((bytes) => this.#writer.write(bytes));
    this.#regulate();
  }

  #regulate(): void {
    const wants = this.http2.wantsInput;
    if (wants === !this.#paused) return;
    this.#paused = !wants;
    if (wants) this.#socket.resume();
    else this.#socket.pause();
  }

  onRequest(): never {
    throw new Error('a client gets no requests');
  }

  onMalformed(): void {}

  onReady(): void {
    this.#becomesReady.resolve();
  }

  onGoaway(): void {
    this.#pool.unshare(this);
  }

  onIdle(): void {
    if (this.#closing) this.close();
    else this.idleSince = Date.now();
  }

  onPong(): void {}

  onFault(_fault: ConnectionFault): void {
    this.close();
  }

  /** What is to be said is written, then the connection ends. */
  close(): void {
    this.#closing = true;
    this.#pool.unshare(this);
    this.http2.shutdown();
    this.#flush();
    this.#writer.finish();
    this.#socket.end(() => this.#socket.destroy());
  }

  /** Takes no more requests. */
  closeWhenIdle(): void {
    if (this.http2.openStreams === 0) this.close();
    else this.#closing = true;
  }

  #closed(): void {
    this.#closing = true;
    this.#pool.unshare(this);
    this.#writer.release();
    this.#becomesReady.reject(new Error('the connection is closed'));
    this.http2.end('the connection is closed');
  }
}
