import type { Socket } from 'node:net';
import { Http2Endpoint } from './http2-endpoint.ts';
import { Http2UpstreamStream } from './http2-upstream-stream.ts';
import type { Share } from './turns.ts';
import type { LinkFacts } from './upstream-link.ts';
import type { UpstreamPool } from './upstream.ts';

/** A connection in HTTP/2 to one upstream for one sandbox: many requests at once, each on a stream of its own. */
export class Http2UpstreamConnection extends Http2Endpoint {
  readonly key: string;
  readonly facts: LinkFacts;
  /** Resolves when the upstream has said what it allows; rejects where the connection ends before. */
  readonly ready: Promise<void>;
  /** Milliseconds since the epoch; infinity while it is used. */
  idleSince = Date.now();
  readonly #pool: UpstreamPool;
  readonly #becomesReady = Promise.withResolvers<void>();
  #closing = false;

  constructor(parts: { pool: UpstreamPool; socket: Socket; share: Share; key: string; facts: LinkFacts }) {
    super({ socket: parts.socket, share: parts.share, role: 'client' });
    this.#pool = parts.pool;
    this.key = parts.key;
    this.facts = parts.facts;
    this.ready = this.#becomesReady.promise;
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('end', () => {
      this.reading.flush();
      this.socket.destroy();
    });
    this.socket.on('close', () => this.#closed());
    this.#pool.share(this);
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
    this.reading.read(bytes);
    return true;
  }

  protected get isOver(): boolean {
    return this.#closing;
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

  onFault(): void {
    this.close();
  }

  /** What is to be said is written, then the connection ends. */
  close(): void {
    this.#closing = true;
    this.#pool.unshare(this);
    this.http2.shutdown();
    this.flush();
    this.writer.finish();
    this.socket.end(() => this.socket.destroy());
  }

  /** Takes no more requests. */
  closeWhenIdle(): void {
    if (this.http2.openStreams === 0) this.close();
    else this.#closing = true;
  }

  #closed(): void {
    // What came before the end, and waits for its turn, may be whole answers.
    this.reading.flush();
    this.#closing = true;
    this.#pool.unshare(this);
    this.writer.release();
    this.#becomesReady.reject(new Error('the connection is closed'));
    this.http2.end('the connection is closed');
  }
}
