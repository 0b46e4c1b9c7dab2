import type { Socket } from 'node:net';
import { LentWriter } from './lent-writer.ts';
import { TurnReader } from './turn-reader.ts';
import type { Share } from './turns.ts';
import type { ConnectionHandler } from './wire/http2/connection-handler.ts';
import { Http2Connection } from './wire/http2/connection.ts';
import type { RequestFields } from './wire/http2/request-fields.ts';
import type { Http2Stream, StreamHandler } from './wire/http2/stream.ts';
import type { WireError } from './wire/wire-error.ts';

export interface EndpointParts {
  socket: Socket;
  /** In whose turns it is read; null: of nobody that is known. */
  share: Share | null;
  role: 'server' | 'client';
  /** As of `Http2Options`. */
  maxHeaderListBytes?: number;
}

/**
 * A connection of HTTP/2 on its socket, from either end: what one turn of the loop makes goes out in one write, and a peer
 * that does not read what it makes us say is not read either.
 */
export abstract class Http2Endpoint implements ConnectionHandler {
  readonly http2: Http2Connection;
  readonly share: Share | null;
  protected readonly socket: Socket;
  protected readonly writer: LentWriter;
  protected readonly reading: TurnReader;
  #flushing = false;

  constructor({ socket, share, ...options }: EndpointParts) {
    this.socket = socket;
    this.share = share;
    this.reading = new TurnReader(socket, share, { take: (bytes) => this.#take(bytes), lends: true });
    this.writer = new LentWriter(socket, () => this.http2.drained());
    // It has something to say at once, and calls `onOutput`.
    this.http2 = new Http2Connection({ ...options, handler: this });
  }

  /** Nothing that comes is of any use any more. */
  protected abstract get isOver(): boolean;

  #take(bytes: Buffer): void {
    if (this.isOver) return;
    if (this.http2.receive(bytes) === null) this.regulate();
  }

  onOutput(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(this.#flushNow);
  }

  readonly #flushNow = (): void => this.flush();

  protected flush(): void {
    this.#flushing = false;
    this.http2.flush((bytes) => this.writer.write(bytes));
    this.regulate();
  }

  protected regulate(): void {
    if (this.http2.wantsInput) this.reading.resume();
    else this.reading.pause();
  }

  abstract onRequest(stream: Http2Stream, request: RequestFields, endStream: boolean): StreamHandler;
  abstract onMalformed(stream: Http2Stream, error: WireError): void;
  abstract onReady(): void;
  abstract onGoaway(): void;
  abstract onIdle(): void;
  abstract onFault(): void;

  onPong(): void {}
}
