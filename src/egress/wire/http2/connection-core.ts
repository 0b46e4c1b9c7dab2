import { ClosedStreams, closing } from './closed-streams.ts';
import type { ConnectionHandler } from './connection-handler.ts';
import { ConnectionFault } from './fault.ts';
import type { StreamFault } from './fault.ts';
import { GatheredData } from './gathered-data.ts';
import { FloodBudget, floodCost, floodEarning } from './flood-budget.ts';
import { PeerSettings } from './peer-settings.ts';
import { errorCode, frameType } from './protocol.ts';
import { Sender } from './sender.ts';
import { Http2Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';
import type { StreamReset } from './stream.ts';

export interface CoreOptions {
  role: 'server' | 'client';
  handler: ConnectionHandler;
  /** What the peer may send that nobody has taken yet, in bytes, on one stream and on all together. */
  receiveWindow: { stream: number; connection: number };
  maxConcurrentStreams: number;
  maxHeaderListBytes: number;
  now: () => number;
}

/** The state that both directions of a connection share: its streams, windows, and how they end. */
export class ConnectionCore {
  readonly isServer: boolean;
  readonly handler: ConnectionHandler;
  readonly options: CoreOptions;
  readonly budget: FloodBudget;
  readonly sender: Sender;
  readonly peer = new PeerSettings();
  readonly streams = new StreamTable();
  readonly closed = new ClosedStreams();
  readonly gathered = new GatheredData();
  /** The highest stream that the peer opened, and the next one that we open. */
  lastPeerStreamId = 0;
  nextStreamId = 1;
  receiveWindow: number;
  /** Streams above it came after our GOAWAY and are ignored; -1: none was sent that says which. */
  lastTaken = -1;
  /** The peer has sent GOAWAY. */
  goneAway = false;
  /** Nothing is read any more. */
  fault: ConnectionFault | null = null;
  #credit = 0;
  #signalled = false;

  constructor(options: CoreOptions) {
    this.options = options;
    this.isServer = options.role === 'server';
    this.handler = options.handler;
    this.budget = new FloodBudget(options.now);
    this.receiveWindow = options.receiveWindow.connection;
    this.sender = new Sender({
      budget: this.budget,
      ended: (stream) => this.settle(stream),
      signal: () => this.signal(),
    });
  }

  signal(): void {
    if (this.#signalled) return;
    this.#signalled = true;
    this.handler.onOutput();
  }

  flushed(): void {
    this.#signalled = false;
  }

  /** Whether nobody has used the stream yet: then no frame but HEADERS or PRIORITY may name it (RFC 9113 section 5.1). */
  isIdle(streamId: number): boolean {
    // Streams of servers would be pushed ones, which there are none of.
    if ((streamId & 1) === 0) return true;
    return this.isServer ? streamId > this.lastPeerStreamId : streamId >= this.nextStreamId;
  }

  /** Whether the stream came after our GOAWAY: it is not taken, and nothing is said of it (RFC 9113 section 6.8). */
  isIgnored(streamId: number): boolean {
    return this.isServer && this.lastTaken !== -1 && streamId > this.lastTaken;
  }

  open(id: number, headOnly: boolean): Http2Stream {
    const stream = new Http2Stream(id, {
      sendWindow: this.peer.initialWindow,
      receiveWindow: this.options.receiveWindow.stream,
      headOnly,
    });
    this.streams.add(stream);
    return stream;
  }

  /** Both sides have sent their end, or ours has left and the rest of theirs is not wanted: the stream is over. */
  settle(stream: Http2Stream): void {
    if (!stream.localSent || stream.gone) return;
    if (!stream.remoteEnded) {
      if (stream.restUnwanted) this.reset(stream, errorCode.noError);
      return;
    }
    stream.gone = true;
    this.budget.earn(floodEarning.streamDone);
    this.#forget(stream, closing.ended);
  }

  /**
   * The stream ends before its time, and its handler hears why, unless it was its own wish (null). What was not taken of its
   * content will not be: the connection gets its room back.
   */
  drop(stream: Http2Stream, how: number, reset: StreamReset | null): void {
    if (stream.gone) return;
    stream.gone = true;
    stream.queue.clear();
    stream.parts.length = 0;
    this.sender.unready(stream);
    stream.trailers = null;
    this.giveBack(stream.unconsumed);
    stream.unconsumed = 0;
    if (reset !== null) stream.handler?.onReset(stream, reset);
    this.#forget(stream, how);
  }

  #forget(stream: Http2Stream, how: number): void {
    this.streams.delete(stream);
    this.closed.add(stream.id, how);
    if (this.streams.size === 0 && this.fault === null) this.handler.onIdle();
  }

  /** RST_STREAM, by our own wish. Of a stream that has ended, the room that its content still takes is given back. */
  reset(stream: Http2Stream, code: number): void {
    if (stream.gone) {
      this.consume(stream, stream.unconsumed);
      return;
    }
    this.sender.number(frameType.resetStream, stream.id, code);
    this.drop(stream, closing.resetByUs, null);
  }

  /** RST_STREAM, because of what the peer did. A fault: it does so too often (CVE-2025-8671). */
  resetFor(stream: Http2Stream, { code, reason }: StreamFault): ConnectionFault | null {
    this.gathered.deliver(stream);
    if (stream.gone) return null;
    this.sender.number(frameType.resetStream, stream.id, code);
    this.drop(stream, closing.resetByUs, { code, reason, byPeer: false, unprocessed: false });
    return this.spend(floodCost.streamFault);
  }

  /** A fault once the peer has made too much work that came to nothing. */
  spend(cost: number): ConnectionFault | null {
    if (this.budget.spend(cost)) return null;
    return new ConnectionFault(errorCode.enhanceYourCalm, 'flood of frames (RFC 9113 section 10.5)');
  }

  /** Content was taken: the stream and the connection may receive as much again. */
  consume(stream: Http2Stream, count: number): void {
    const taken = Math.min(count, stream.unconsumed);
    stream.unconsumed -= taken;
    this.giveBack(taken);
    this.giveBackToStream(stream, taken);
  }

  /** WINDOW_UPDATE goes out when half of a window is to be given back: seldom, and before the peer has to wait. */
  giveBack(count: number): void {
    this.#credit += count;
    if (this.#credit * 2 < this.options.receiveWindow.connection || this.fault !== null) return;
    this.sender.number(frameType.windowUpdate, 0, this.#credit);
    this.receiveWindow += this.#credit;
    this.#credit = 0;
  }

  giveBackToStream(stream: Http2Stream, count: number): void {
    stream.credit += count;
    if (stream.credit * 2 < this.options.receiveWindow.stream || stream.remoteEnded || stream.gone) return;
    this.sender.number(frameType.windowUpdate, stream.id, stream.credit);
    stream.receiveWindow += stream.credit;
    stream.credit = 0;
  }

  /** The connection cannot go on. */
  fail(fault: ConnectionFault): void {
    if (this.fault !== null) return;
    this.fault = fault;
    this.sender.goaway(this.isServer ? this.lastPeerStreamId : 0, fault.code, fault.reason);
    this.endStreams(fault.code, fault.reason);
    this.handler.onFault(fault);
  }

  /** No stream goes on: the connection is over, or will never be written to again. */
  endStreams(code: number, reason: string): void {
    for (const stream of this.streams.all()) {
      this.drop(stream, closing.resetByUs, { code, reason, byPeer: false, unprocessed: false });
    }
  }
}
