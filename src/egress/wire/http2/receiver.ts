import { BlockBuffer } from './block-buffer.ts';
import { closing } from './closed-streams.ts';
import type { ConnectionCore } from './connection-core.ts';
import { ConnectionFault, protocolError, StreamFault } from './fault.ts';
import { floodCost } from './flood-budget.ts';
import type { FrameReader, FrameSink } from './frame-reader.ts';
import { receiveData, receiveDataBegin } from './receive-data.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { errorCode, frameFlag, frameType, maxWindow } from './protocol.ts';
import { receiveHeaders } from './receive-headers.ts';
import type { Http2Stream } from './stream.ts';

/** What the frames of the peer do to a connection (RFC 9113 sections 5.1 and 6). */
export class Receiver implements FrameSink {
  readonly #core: ConnectionCore;
  readonly #decoder: HpackDecoder;
  readonly #block: BlockBuffer;
  /** A PING of ours was answered, with this as its last byte. */
  readonly #pong: (mark: number) => void;
  #ready = false;
  /** The stream of the DATA frame under way; null: nobody wants it any more. */
  #stream: Http2Stream | null = null;

  constructor(core: ConnectionCore, pong: (mark: number) => void) {
    this.#core = core;
    this.#decoder = new HpackDecoder(core.options.maxHeaderListBytes);
    this.#block = new BlockBuffer(core.options.maxHeaderListBytes);
    this.#pong = pong;
  }

  onFrame(frame: FrameReader): ConnectionFault | null {
    const { type, streamId } = frame;
    const wrong = this.#judgeOrder(type, streamId);
    if (wrong !== null) return wrong;
    this.#core.gathered.deliverAll();
    if (this.#core.fault !== null) return this.#core.fault;
    switch (type) {
      case frameType.headers:
        return this.#headers(frame);
      case frameType.continuation:
        return this.#continuation(frame);
      case frameType.windowUpdate:
        return this.#windowUpdate(frame);
      case frameType.resetStream:
        return this.#resetStream(frame);
      case frameType.settings:
        return this.#settings(frame);
      case frameType.ping:
        return this.#ping(frame);
      case frameType.goaway:
        return this.#goaway(frame);
      case frameType.priority:
        return this.#priority(frame);
      case frameType.pushPromise:
        // RFC 9113 8.4: "A client cannot push"; and to servers we say SETTINGS_ENABLE_PUSH 0: "MUST treat the receipt of a
        // PUSH_PROMISE frame as a connection error" (section 6.6).
        return protocolError('PUSH_PROMISE (RFC 9113 section 6.6)');
      default:
        // RFC 9113 5.5: "Implementations MUST discard frames that have unknown or unsupported types."
        return this.#core.spend(floodCost.unknown);
    }
  }

  onDataBegin(frame: FrameReader): ConnectionFault | null {
    const wrong = this.#judgeOrder(frame.type, frame.streamId);
    if (wrong !== null) return wrong;
    const stream = receiveDataBegin(this.#core, frame);
    if (stream instanceof ConnectionFault) return stream;
    this.#stream = stream;
    return this.#core.fault;
  }

  onDataPart(frame: FrameReader, last: boolean): ConnectionFault | null {
    return receiveData(this.#core, this.#stream, { frame, last }) ?? this.#core.fault;
  }

  /** RFC 9113 3.4: SETTINGS come first; 6.10: within a header block, CONTINUATION alone. */
  #judgeOrder(type: number, streamId: number): ConnectionFault | null {
    if (this.#core.fault !== null) return this.#core.fault;
    if (!this.#ready && type !== frameType.settings)
      return protocolError('a frame before SETTINGS (RFC 9113 section 3.4)');
    const open = this.#block.streamId;
    if (type === frameType.continuation ? open !== streamId || open === 0 : open !== 0) {
      return protocolError('CONTINUATION missing or out of place (RFC 9113 section 6.10)');
    }
    return null;
  }

  #headers(frame: FrameReader): ConnectionFault | null {
    const { streamId, flags, bytes } = frame;
    if (streamId === 0) return protocolError('HEADERS without a stream (RFC 9113 section 6.2)');
    let { start, end } = frame;
    if ((flags & frameFlag.padded) !== 0) {
      if (start === end) return frameSizeError('HEADERS without its pad length (RFC 9113 section 6.2)');
      end -= bytes[start++] ?? 0;
    }
    if ((flags & frameFlag.priority) !== 0) {
      if (end - start >= 5 && dependsOn(bytes, start) === streamId) return selfDependency();
      start += 5;
    }
    if (start > end) return protocolError('padding or priority past the end of HEADERS (RFC 9113 section 6.2)');
    if ((flags & frameFlag.endHeaders) !== 0) return this.#fields(bytes, { start, end, streamId, flags });
    this.#block.begin(streamId, flags);
    return this.#block.add(bytes, start, end);
  }

  #continuation(frame: FrameReader): ConnectionFault | null {
    const block = this.#block;
    const wrong = block.add(frame.bytes, frame.start, frame.end) ?? this.#core.spend(floodCost.continuation);
    if (wrong !== null || (frame.flags & frameFlag.endHeaders) === 0) return wrong;
    const { streamId, flags, bytes, size } = block;
    block.end();
    return this.#fields(bytes, { start: 0, end: size, streamId, flags });
  }

  #fields(
    bytes: Buffer,
    { start, end, streamId, flags }: { start: number; end: number; streamId: number; flags: number },
  ): ConnectionFault | null {
    const fields = this.#decoder.decode(bytes, start, end);
    if (fields instanceof ConnectionFault) return fields;
    const error = this.#decoder.tooLarge;
    const endStream = (flags & frameFlag.endStream) !== 0;
    return receiveHeaders(this.#core, { streamId, fields, endStream, error }) ?? this.#core.fault;
  }

  #windowUpdate({ streamId, bytes, start, end }: FrameReader): ConnectionFault | null {
    if (end - start !== 4) return frameSizeError('WINDOW_UPDATE that is not 4 bytes (RFC 9113 section 6.9)');
    const core = this.#core;
    const flood = core.spend(floodCost.windowUpdate);
    if (flood !== null) return flood;
    const increment = bytes.readUInt32BE(start) & maxWindow;
    if (streamId === 0) {
      if (increment === 0) return protocolError('WINDOW_UPDATE by nothing (RFC 9113 section 6.9)');
      core.sender.window += increment;
      if (core.sender.window > maxWindow) return overflow();
      if (core.sender.hasReady) core.signal();
      return null;
    }
    const stream = core.streams.get(streamId);
    if (stream === undefined) return this.#late(streamId);
    if (increment === 0) {
      return core.resetFor(
        stream,
        new StreamFault(errorCode.protocolError, 'WINDOW_UPDATE by nothing (RFC 9113 section 6.9)'),
      );
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > maxWindow) return core.resetFor(stream, overflow());
    resume(core, stream);
    return null;
  }

  #resetStream({ streamId, bytes, start, end }: FrameReader): ConnectionFault | null {
    if (end - start !== 4) return frameSizeError('RST_STREAM that is not 4 bytes (RFC 9113 section 6.4)');
    const core = this.#core;
    const stream = core.streams.get(streamId);
    if (stream === undefined) return this.#late(streamId);
    const code = bytes.readUInt32BE(start);
    // CVE-2023-44487: a request that is taken back at once has made its work already.
    const flood = stream.answered ? null : core.spend(floodCost.reset);
    if (flood !== null) return flood;
    const unprocessed = code === errorCode.refusedStream;
    core.drop(stream, closing.resetByPeer, { code, reason: 'reset by the peer', byPeer: true, unprocessed });
    return core.fault;
  }

  /** A frame that changes nothing, on a stream that is over; on one that never was it is an error (RFC 9113 section 5.1). */
  #late(streamId: number): ConnectionFault | null {
    if (this.#core.isIdle(streamId)) return protocolError('a frame on an idle stream (RFC 9113 section 5.1)');
    return this.#core.spend(floodCost.late);
  }

  #settings({ streamId, flags, bytes, start, end }: FrameReader): ConnectionFault | null {
    const core = this.#core;
    if (streamId !== 0) return protocolError('SETTINGS of a stream (RFC 9113 section 6.5)');
    const ack = (flags & frameFlag.ack) !== 0;
    const length = end - start;
    if (ack ? length !== 0 : length % 6 !== 0) return frameSizeError('length of SETTINGS (RFC 9113 section 6.5)');
    const first = !this.#ready;
    if (first && ack) return protocolError('a frame before SETTINGS (RFC 9113 section 3.4)');
    const flood = core.spend(floodCost.settings + (length >>> 6));
    if (flood !== null || ack) return flood;
    const before = core.peer.initialWindow;
    if (first) core.peer.maxConcurrentStreams = Number.POSITIVE_INFINITY;
    const wrong = core.peer.take(bytes, { start, end }, core.isServer);
    if (wrong !== null) return wrong;
    core.sender.encoder.limitTable(core.peer.headerTableBytes);
    // RFC 9113 6.9.2: "a receiver MUST adjust the size of all stream flow-control windows that it maintains by the
    // difference between the new value and the old value."
    const change = core.peer.initialWindow - before;
    if (change !== 0) {
      for (const stream of core.streams.all()) {
        stream.sendWindow += change;
        if (stream.sendWindow > maxWindow) return overflow();
        if (change > 0) resume(core, stream);
      }
    }
    core.sender.settings(null);
    if (!first) return null;
    this.#ready = true;
    core.handler.onReady();
    return core.fault;
  }

  #ping({ streamId, flags, bytes, start, end }: FrameReader): ConnectionFault | null {
    if (streamId !== 0) return protocolError('PING of a stream (RFC 9113 section 6.7)');
    if (end - start !== 8) return frameSizeError('PING that is not 8 bytes (RFC 9113 section 6.7)');
    const flood = this.#core.spend(floodCost.ping);
    if (flood !== null) return flood;
    if ((flags & frameFlag.ack) === 0) this.#core.sender.ping(bytes, start, true);
    else this.#pong(bytes[end - 1] ?? 0);
    return this.#core.fault;
  }

  #goaway({ streamId, bytes, start, end }: FrameReader): ConnectionFault | null {
    const core = this.#core;
    if (streamId !== 0) return protocolError('GOAWAY of a stream (RFC 9113 section 6.8)');
    if (end - start < 8) return frameSizeError('GOAWAY under 8 bytes (RFC 9113 section 6.8)');
    const flood = core.spend(floodCost.settings);
    if (flood !== null) return flood;
    const last = bytes.readUInt32BE(start) & maxWindow;
    const code = bytes.readUInt32BE(start + 4);
    core.goneAway = true;
    if (!core.isServer) {
      for (const stream of core.streams.all()) {
        if (stream.id <= last) continue;
        core.drop(stream, closing.resetByPeer, { code, reason: 'GOAWAY', byPeer: true, unprocessed: true });
      }
    }
    core.handler.onGoaway(code, last);
    return core.fault;
  }

  /** RFC 9113 5.3: priorities have no meaning any more. */
  #priority({ streamId, bytes, start, end }: FrameReader): ConnectionFault | null {
    if (streamId === 0) return protocolError('PRIORITY without a stream (RFC 9113 section 6.3)');
    if (end - start !== 5) return frameSizeError('PRIORITY that is not 5 bytes (RFC 9113 section 6.3)');
    return dependsOn(bytes, start) === streamId ? selfDependency() : this.#core.spend(floodCost.priority);
  }
}

function resume(core: ConnectionCore, stream: Http2Stream): void {
  if (stream.queue.size === 0 || stream.sendWindow <= 0) return;
  core.sender.ready(stream);
  core.signal();
}

function dependsOn(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) & maxWindow;
}

/** RFC 7540 5.3.1: "A stream cannot depend on itself." */
function selfDependency(): ConnectionFault {
  return protocolError('a stream that depends on itself (RFC 7540 section 5.3.1)');
}

function overflow(): ConnectionFault {
  return new ConnectionFault(errorCode.flowControlError, 'window over 2^31-1 (RFC 9113 section 6.9.1)');
}

function frameSizeError(reason: string): ConnectionFault {
  return new ConnectionFault(errorCode.frameSizeError, reason);
}
