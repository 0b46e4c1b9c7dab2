import type { WireError } from '../wire-error.ts';
import type { ConnectionFault } from './fault.ts';
import type { RequestFields } from './request-fields.ts';
import type { Http2Stream, StreamHandler } from './stream.ts';

/** What happens on a connection as a whole. It may be called in the middle of any `receive` or command. */
export interface ConnectionHandler {
  /** Server: a request's head. The stream's further events go to whom this returns. */
  onRequest(stream: Http2Stream, request: RequestFields, endStream: boolean): StreamHandler;
  /**
   * Server: a request that is malformed (status 400) or too large (431). It may be answered. Afterwards the stream is reset:
   * with PROTOCOL_ERROR where the answer did not end it, as RFC 9113 section 8.1.1 wants it of the malformed.
   */
  onMalformed(stream: Http2Stream, error: WireError): void;
  /** There is something to write: call `flush`, at the end of this turn of the loop rather than at once. Once for each flush. */
  onOutput(): void;
  /** The peer's first SETTINGS are here: `canOpen` and `peer` tell the truth from now on. */
  onReady(): void;
  /** The peer opens and takes no more streams; those it has not taken have been reset as `unprocessed`. */
  onGoaway(code: number, lastStreamId: number): void;
  /** No stream is left. */
  onIdle(): void;
  /** The answer to a `ping`. */
  onPong(): void;
  /** The connection has broken the protocol. GOAWAY waits to be flushed; then it is to be closed. Streams have been reset. */
  onFault(fault: ConnectionFault): void;
}
