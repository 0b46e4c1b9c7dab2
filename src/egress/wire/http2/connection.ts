import { performance } from 'node:perf_hooks';
import { maxHeadBytes } from '../head-end.ts';
import { ConnectionCore } from './connection-core.ts';
import type { ConnectionHandler } from './connection-handler.ts';
import { ConnectionFault, protocolError } from './fault.ts';
import { FrameReader } from './frame-reader.ts';
import type { HeaderField } from './header-field.ts';
import type { PeerSettings } from './peer-settings.ts';
import { clientPreface, defaultWindow, errorCode, frameType, maxWindow, setting } from './protocol.ts';
import { Receiver } from './receiver.ts';
import { highWater } from './sender.ts';
import type { Http2Stream, StreamHandler } from './stream.ts';

export interface Http2Options {
  role: 'server' | 'client';
  handler: ConnectionHandler;
  /** What the peer may send before somebody takes it, in bytes: on one stream, and on all together. At least 65,535. */
  receiveWindow?: { stream: number; connection: number };
  /** Server: how many streams a client may have open. */
  maxConcurrentStreams?: number;
  /** What the fields of a head may count together, as RFC 9113 section 6.5.2 counts: with 32 bytes for each beside its own. */
  maxHeaderListBytes?: number;
  /** Milliseconds, never going back. */
  now?: () => number;
}

/**
 * What the other leg does not take stays with the peer: a stream's window is the most that is held for it. The client leg is
 * near, so its windows may be small; an upstream is far, and 1 MB is 10 MB a second at 100 ms. The connection's window leaves
 * room for others beside streams that nobody reads.
 */
const defaultWindows = {
  server: { stream: 256 * 1024, connection: 16 * 1024 * 1024 },
  client: { stream: 1024 * 1024, connection: 16 * 1024 * 1024 },
};
/** RFC 9113 6.5.2: "It is recommended that this value be no smaller than 100". */
const defaultStreams = 128;
/** A peer that reads nothing of what it makes us say. */
const maxOutput = 4 * 1024 * 1024;
const keepAlivePing = Buffer.alloc(8);
const shutdownMark = 1;
const shutdownPing = Buffer.from([0, 0, 0, 0, 0, 0, 0, shutdownMark]);

/**
 * One HTTP/2 connection (RFC 9113), from either end, without a socket: bytes go in by `receive`, events come out by the
 * handlers, commands make bytes, and `flush` hands those over. Not a byte is read after a fault.
 */
export class Http2Connection {
  readonly #core: ConnectionCore;
  readonly #reader: FrameReader;
  /** Bytes of the client's preface that have come (RFC 9113 section 3.4). */
  #prefaceRead = 0;
  /** The socket takes no more for now. */
  #blocked = false;
  #shuttingDown = false;

  constructor({ role, handler, ...rest }: Http2Options) {
    const receiveWindow = rest.receiveWindow ?? defaultWindows[role];
    if (
      Math.min(receiveWindow.stream, receiveWindow.connection) < defaultWindow ||
      receiveWindow.connection > maxWindow
    ) {
      throw new RangeError('receiveWindow: from 65535 to 2147483647 bytes');
    }
    const maxConcurrentStreams = rest.maxConcurrentStreams ?? defaultStreams;
    const now = rest.now ?? (() => performance.now());
    const maxHeaderListBytes = rest.maxHeaderListBytes ?? maxHeadBytes;
    const core = new ConnectionCore({
      role,
      handler,
      receiveWindow,
      maxConcurrentStreams,
      maxHeaderListBytes,
      now,
    });
    this.#core = core;
    this.#reader = new FrameReader(new Receiver(core, (mark) => this.#pong(mark)));
    if (role === 'client') {
      core.sender.output.reserve(clientPreface.length);
      core.sender.output.copy(clientPreface, 0, clientPreface.length);
      this.#prefaceRead = clientPreface.length;
    }
    core.sender.settings([
      role === 'server' ? [setting.maxConcurrentStreams, maxConcurrentStreams] : [setting.enablePush, 0],
      [setting.initialWindowSize, receiveWindow.stream],
      [setting.maxHeaderListSize, maxHeaderListBytes],
      ...(role === 'server' ? ([[setting.enableConnectProtocol, 1]] as const) : []),
      [setting.noRfc7540Priorities, 1],
    ]);
    if (receiveWindow.connection > defaultWindow) {
      core.sender.number(frameType.windowUpdate, 0, receiveWindow.connection - defaultWindow);
    }
  }

  /** What the peer has announced. */
  get peer(): Readonly<PeerSettings> {
    return this.#core.peer;
  }

  get openStreams(): number {
    return this.#core.streams.size;
  }

  /** Client: whether `request` may be called now. */
  get canOpen(): boolean {
    const { fault, goneAway, streams, peer, nextStreamId } = this.#core;
    return (
      fault === null &&
      !goneAway &&
      !this.#shuttingDown &&
      streams.size < peer.maxConcurrentStreams &&
      nextStreamId <= maxWindow
    );
  }

  /** False while the peer does not read what it makes us write: read no more from it until `flush` got rid of that. */
  get wantsInput(): boolean {
    return this.#core.fault === null && this.#core.sender.output.size < 2 * highWater;
  }

  /** Takes what was read from the socket; it is only lent. A fault: flush what there is, then close. */
  receive(chunk: Buffer): ConnectionFault | null {
    const core = this.#core;
    if (core.fault !== null) return core.fault;
    let at = 0;
    while (this.#prefaceRead < clientPreface.length && at < chunk.length) {
      if (chunk[at++] !== clientPreface[this.#prefaceRead++])
        return this.#fail(protocolError('no client preface (RFC 9113 section 3.4)'));
    }
    const fault = at === chunk.length ? null : this.#reader.push(chunk, at);
    core.gathered.deliverAll();
    if (fault !== null) return this.#fail(fault);
    if (core.sender.output.size > maxOutput) {
      return this.#fail(
        new ConnectionFault(errorCode.enhanceYourCalm, 'the peer does not read (RFC 9113 section 10.5)'),
      );
    }
    return null;
  }

  #fail(fault: ConnectionFault): ConnectionFault {
    this.#core.fail(fault);
    return fault;
  }

  /**
   * Writes what there is. `write` gets bytes that are lent for the time of the call, and says whether the socket takes more; if
   * not, call `drained` when it does.
   */
  flush(write: (lent: Buffer) => boolean): void {
    if (this.#blocked) return;
    const { sender } = this.#core;
    this.#core.flushed();
    while (!this.#blocked) {
      sender.pump();
      const { output } = sender;
      if (output.size === 0) return;
      this.#blocked = !write(output.bytes.subarray(0, output.size));
      output.clear();
    }
  }

  /** The socket takes more again: `onOutput` follows where anything waits. */
  drained(): void {
    this.#blocked = false;
    const { sender } = this.#core;
    this.#core.flushed();
    if (sender.output.size > 0 || sender.hasReady) this.#core.signal();
  }

  /** Client: opens a stream. `fields` begin with the pseudo-header fields. Throws where `canOpen` is false. */
  request(
    fields: readonly HeaderField[],
    { handler, endStream, headOnly }: { handler: StreamHandler; endStream: boolean; headOnly: boolean },
  ): Http2Stream {
    if (!this.canOpen || this.#core.isServer) throw new Error('no stream can be opened on this connection');
    const stream = this.#core.open(this.#core.nextStreamId, headOnly);
    this.#core.nextStreamId += 2;
    stream.handler = handler;
    stream.awaitsHead = true;
    this.#headers(stream, fields, endStream);
    return stream;
  }

  /** Server: an answer with status 1xx; the final one follows. */
  interim(stream: Http2Stream, fields: readonly HeaderField[]): void {
    if (!stream.gone && !stream.answered) this.#core.sender.headers(stream.id, fields, false);
  }

  /** Server: the final head. `fields` begin with `:status`. */
  respond(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): void {
    if (stream.gone || stream.answered) return;
    stream.answered = true;
    this.#headers(stream, fields, endStream);
  }

  #headers(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): void {
    if (endStream) {
      stream.localEnded = true;
      stream.localSent = true;
    }
    this.#core.sender.headers(stream.id, fields, endStream);
    if (endStream) this.#core.settle(stream);
  }

  /**
   * Content, which is only lent; after the head, before the end. False: something of it has to wait, so give no more until
   * `onWritable`. What is given all the same is kept. On a stream that is over it is thrown away.
   */
  sendData(stream: Http2Stream, bytes: Buffer, endStream: boolean): boolean {
    return stream.gone || stream.localEnded || this.#core.sender.data(stream, bytes, endStream);
  }

  /** Trailers, which end the stream. */
  sendTrailers(stream: Http2Stream, fields: readonly HeaderField[]): void {
    if (!stream.gone && !stream.localEnded) this.#core.sender.trailers(stream, fields);
  }

  /** `count` bytes that `onData` brought have been taken: the peer may send as many again. */
  consume(stream: Http2Stream, count: number): void {
    this.#core.consume(stream, count);
  }

  /**
   * Server: the answer is complete, whatever of it is still to leave, and the rest of the request is not wanted. RFC 9113
   * section 8.1: only "after sending a complete response" does RST_STREAM with NO_ERROR say that.
   */
  leaveRest(stream: Http2Stream): void {
    stream.restUnwanted = true;
    this.#core.settle(stream);
  }

  /**
   * Gives up those answers, complete but for what waits for the peer's windows, of which nothing was taken since the last call.
   * RFC 9113 section 10.5: a peer that opens none could have them held for as long as it likes. Whether any are left.
   */
  giveUpUntaken(): boolean {
    let isAnyLeft = false;
    for (const stream of this.#core.streams.all()) {
      if (!stream.localEnded || stream.localSent) continue;
      if (stream.waitedBefore === stream.queue.size) {
        this.#core.reset(stream, errorCode.cancel);
        continue;
      }
      stream.waitedBefore = stream.queue.size;
      isAnyLeft = true;
    }
    return isAnyLeft;
  }

  /** RST_STREAM with one of `errorCode`. Its handler hears nothing more. */
  reset(stream: Http2Stream, code: number): void {
    this.#core.reset(stream, code);
  }

  /** A PING; `onPong` follows. */
  ping(): void {
    this.#core.sender.ping(keepAlivePing, 0, false);
  }

  /**
   * Ends gracefully (RFC 9113 section 6.8). A server first says that it will take no more, and a round trip later which stream was
   * the last; open streams go on. The connection may be closed once `onIdle` was called, or `openStreams` is 0.
   */
  shutdown(): void {
    if (this.#shuttingDown || this.#core.fault !== null) return;
    this.#shuttingDown = true;
    if (!this.#core.isServer) {
      this.#core.sender.goaway(0, errorCode.noError, '');
      return;
    }
    this.#core.sender.goaway(maxWindow, errorCode.noError, '');
    this.#core.sender.ping(shutdownPing, 0, false);
  }

  #pong(mark: number): void {
    if (mark === shutdownMark && this.#shuttingDown && this.#core.lastTaken === -1 && this.#core.isServer) {
      this.#core.lastTaken = this.#core.lastPeerStreamId;
      this.#core.sender.goaway(this.#core.lastTaken, errorCode.noError, '');
    }
    this.#core.handler.onPong();
  }

  /** The socket is gone: every open stream is told. Nothing more is to be written. */
  end(reason: string): void {
    const core = this.#core;
    core.fault ??= protocolError(reason);
    core.endStreams(errorCode.internalError, reason);
    core.sender.output.clear();
  }
}
