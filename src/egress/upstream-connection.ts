import type { Socket } from 'node:net';
import { TurnReader } from './turn-reader.ts';
import type { Share } from './turns.ts';
import type { LinkFacts, UpstreamHandler, UpstreamLink } from './upstream-link.ts';
import type { UpstreamPool } from './upstream.ts';

/**
 * Read buffer of every upstream socket in this process. A read lands in it and is handed on before the next read can
 * begin (libuv reads right after it asks for the buffer), so one is enough for all.
 */
export const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** A connection of HTTP/1.1 to one upstream for one sandbox, handed from request to request. */
export class UpstreamConnection implements UpstreamLink {
  readonly takes = 'bytes';
  readonly givesChunks = false;
  readonly socket: Socket;
  readonly key: string;
  readonly facts: LinkFacts;
  handler: UpstreamHandler | null = null;
  /** It has served a request before the present one. */
  mayRepeat = false;
  idleSince = 0;
  idleUntil = 0;
  readonly #pool: UpstreamPool;
  readonly #reading: TurnReader;

  constructor(parts: { pool: UpstreamPool; socket: Socket; share: Share; key: string; facts: LinkFacts }) {
    this.#pool = parts.pool;
    this.socket = parts.socket;
    this.#reading = new TurnReader(parts.socket, parts.share, { take: (bytes) => this.#take(bytes), lends: true });
    this.key = parts.key;
    this.facts = parts.facts;
    let failure: Error | null = null;
    this.socket.on('error', (error) => (failure = error));
    this.socket.on('end', () => this.#over());
    this.socket.on('close', () => {
      this.#pool.forget(this);
      this.#reading.flush();
      const { handler } = this;
      this.handler = null;
      handler?.onClose(failure);
    });
    this.socket.on('drain', () => this.handler?.onDrain());
  }

  get address(): string {
    return this.facts.address;
  }

  open(): never {
    throw new Error('a connection of HTTP/1.1 takes bytes');
  }

  write(bytes: Buffer): boolean {
    return this.socket.write(bytes);
  }

  end(): void {
    this.socket.end();
  }

  cut(): void {
    this.socket.destroy();
  }

  /** Called by the socket's `onread`. */
  receive(length: number): boolean {
    const bytes = readBuffer.subarray(0, length);
    if (this.handler === null) this.#take(bytes);
    else this.#reading.read(bytes);
    return true;
  }

  /** Bytes that nobody asked for end the connection: they would answer the next request. */
  #take(bytes: Buffer): void {
    if (this.handler === null) this.socket.destroy();
    else this.handler.onData(bytes);
  }

  /** Reads no more for now, but for what was read already. */
  pause(): void {
    this.#reading.pause();
  }

  resume(): void {
    this.#reading.resume();
  }

  #over(): void {
    this.#reading.flush();
    if (this.handler === null) this.socket.destroy();
    else this.handler.onEnd();
  }

  /** Back to the pool, to be used again within `keepAliveMs`, or closed where that is 0. */
  release(keepAliveMs: number): void {
    this.handler = null;
    this.mayRepeat = true;
    if (this.#reading.isHolding) this.#reading.flush();
    else this.resume();
    this.#pool.keep(this, keepAliveMs);
  }

  destroy(): void {
    this.handler = null;
    this.#reading.drop();
    this.socket.destroy();
  }
}
