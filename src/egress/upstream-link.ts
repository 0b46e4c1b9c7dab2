import type { HeaderField } from './wire/http2/header-field.ts';
import type { RequestHead } from './wire/head.ts';

/** What the other end does while a request is under way, in the bytes of HTTP/1.1 whatever it speaks. */
export interface UpstreamHandler {
  /** `chunk` is lent: it is overwritten after the call. */
  onData(chunk: Buffer): void;
  onEnd(): void;
  onClose(error: Error | null): void;
  onDrain(): void;
}

/** How a connection to an upstream was made. */
export interface LinkFacts {
  /** What was dialled. */
  readonly address: string;
  readonly port: number;
  /** The version agreed on; null: without TLS. */
  readonly tls: string | null;
  readonly alpn: string | null;
  /** Tenths of a millisecond. */
  readonly dialled: number;
  readonly handshake: number;
  /** A request went over it. */
  used: boolean;
}

/** One request's way to an upstream: a connection of HTTP/1.1, or a stream of HTTP/2. */
export interface UpstreamLink {
  readonly address: string;
  readonly facts: LinkFacts;
  handler: UpstreamHandler | null;
  /** Its end before any answer may mean no more than that it was idle for too long, or that nobody looked at the request. */
  readonly mayRepeat: boolean;
  /** How a request begins: as the bytes of its head, content at hand included, or as fields. */
  readonly takes: 'bytes' | 'fields';
  /**
   * The content of the answer that is being given comes in chunks, also where its head announces a length: in HTTP/2 alone
   * the end is told beside it, and trailers may follow (RFC 9113 section 8.1).
   */
  readonly givesChunks: boolean;
  /** Opens the request on a link that takes fields. */
  open(head: RequestHead, fields: readonly HeaderField[]): void;
  /** The request's bytes, or its content, framed as its head says. False: wait for `onDrain`. */
  write(bytes: Buffer): boolean;
  /** Of another protocol that was switched to: our side has said everything. */
  end(): void;
  pause(): void;
  resume(): void;
  /** Breaks off; `onClose` follows. */
  cut(): void;
  /** The answer is complete: to be used again within `keepAliveMs`. */
  release(keepAliveMs: number): void;
  /** Nobody listens any more. */
  destroy(): void;
}
