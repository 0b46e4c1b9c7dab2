import type { Socket } from 'node:net';
import { LentWriter } from './lent-writer.ts';
import { ReadGate } from './read-gate.ts';
import type { ConnectionHandler } from './wire/http2/connection-handler.ts';
import { Http2Connection } from './wire/http2/connection.ts';
import type { RequestFields } from './wire/http2/request-fields.ts';
import type { Http2Stream, StreamHandler } from './wire/http2/stream.ts';
import type { WireError } from './wire/wire-error.ts';

/**
 * A connection of HTTP/2 on its socket, from either end: what one turn of the loop makes goes out in one write, and a peer
 * that does not read what it makes us say is not read either.
 */
export abstract class Http2Endpoint implements ConnectionHandler {
  readonly http2: Http2Connection;
  protected readonly socket: Socket;
  protected readonly writer: LentWriter;
  readonly #reading: ReadGate;
  #flushing = false;

  constructor(socket: Socket, role: 'server' | 'client') {
    this.socket = socket;
    this.#reading = new ReadGate(socket);
    this.writer = new LentWriter(socket, () => this.http2.drained());
    // It has something to say at once, and calls `onOutput`.
    this.http2 = new Http2Connection({ role, handler: this });
  }

  /** What came waits here for something else than the peer. */
  protected get holdsInput(): boolean {
    return false;
  }

  onOutput(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => this.flush());
  }

  protected flush(): void {
    this.#flushing = false;
    this.http2.flush((bytes) => this.writer.write(bytes));
    this.regulate();
  }

  protected regulate(): void {
    if (this.http2.wantsInput && !this.holdsInput) this.#reading.resume();
    else this.#reading.pause();
  }

  abstract onRequest(stream: Http2Stream, request: RequestFields, endStream: boolean): StreamHandler;
  abstract onMalformed(stream: Http2Stream, error: WireError): void;
  abstract onReady(): void;
  abstract onGoaway(): void;
  abstract onIdle(): void;
  abstract onFault(): void;

  onPong(): void {}
}
