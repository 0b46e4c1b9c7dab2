import { closing } from './closed-streams.ts';
import type { ConnectionCore } from './connection-core.ts';
import { ConnectionFault, protocolError, StreamFault } from './fault.ts';
import { floodCost } from './flood-budget.ts';
import type { FrameReader } from './frame-reader.ts';
import { errorCode, frameFlag, frameType } from './protocol.ts';
import type { Http2Stream } from './stream.ts';

/**
 * Content under this is less than any message of gRPC, whose prefix alone has five bytes, and than any event of an event stream:
 * frames of so little are paid for. They are honest where a program writes byte by byte.
 */
const tinyContent = 5;

/** A DATA frame begins (RFC 9113 sections 5.2 and 6.1). Null: its content is for nobody, but counts in the connection's window. */
export function receiveDataBegin(core: ConnectionCore, frame: FrameReader): Http2Stream | null | ConnectionFault {
  const { streamId, length, content, flags } = frame;
  if (streamId === 0) return protocolError('DATA without a stream (RFC 9113 section 6.1)');
  // 6.9: "The entire DATA frame payload is included in flow control, including the Pad Length and Padding fields".
  core.receiveWindow -= length;
  if (core.receiveWindow < 0)
    return new ConnectionFault(
      errorCode.flowControlError,
      'more DATA than the window of the connection (RFC 9113 section 6.9)',
    );
  const stream = core.streams.get(streamId);
  if (stream === undefined) return receiveLate(core, streamId, length);
  stream.receiveWindow -= length;
  const wrong = judgeData(stream, content);
  if (wrong !== null) {
    core.giveBack(length);
    return core.resetFor(stream, wrong);
  }
  core.giveBack(length - content);
  core.giveBackToStream(stream, length - content);
  stream.received += content;
  stream.unconsumed += content;
  if (content >= tinyContent || (flags & frameFlag.endStream) !== 0) return stream;
  // CVE-2019-9518: frames without content that end nothing.
  return core.spend(content === 0 ? floodCost.emptyData : floodCost.tinyData) ?? stream;
}

function judgeData(stream: Http2Stream, content: number): StreamFault | null {
  if (stream.remoteEnded)
    return new StreamFault(errorCode.streamClosed, 'DATA after the end of the stream (RFC 9113 section 5.1)');
  if (stream.receiveWindow < 0)
    return new StreamFault(
      errorCode.flowControlError,
      'more DATA than the window of the stream (RFC 9113 section 6.9)',
    );
  if (stream.awaitsHead)
    return new StreamFault(errorCode.protocolError, 'DATA before the head of the answer (RFC 9113 section 8.1)');
  // RFC 9113 8.1.1: "the value of a Content-Length header field [that] does not equal the sum of the DATA frame payload
  // lengths that form the content" makes a message malformed.
  if (stream.expected !== -1 && stream.received + content > stream.expected) {
    return new StreamFault(errorCode.protocolError, 'more DATA than Content-Length (RFC 9113 section 8.1.1)');
  }
  return null;
}

function receiveLate(core: ConnectionCore, streamId: number, length: number): null | ConnectionFault {
  if (core.isIdle(streamId)) return protocolError('DATA on an idle stream (RFC 9113 section 5.1)');
  core.giveBack(length);
  // The peer may not know of our reset yet; of its own end, and of its own reset, it does.
  if (core.closed.how(streamId) !== closing.resetByUs && !core.isIgnored(streamId)) {
    core.sender.number(frameType.resetStream, streamId, errorCode.streamClosed);
    core.closed.change(streamId, closing.resetByUs);
    return core.spend(floodCost.streamFault);
  }
  return core.spend(floodCost.late);
}

/** The next part of the frame's content. */
export function receiveData(
  core: ConnectionCore,
  stream: Http2Stream | null,
  { frame, last }: { frame: FrameReader; last: boolean },
): ConnectionFault | null {
  if (stream === null || stream.gone) return null;
  const endStream = last && (frame.flags & frameFlag.endStream) !== 0;
  if (endStream) {
    if (stream.expected !== -1 && stream.received !== stream.expected) {
      return core.resetFor(
        stream,
        new StreamFault(errorCode.protocolError, 'less DATA than Content-Length (RFC 9113 section 8.1.1)'),
      );
    }
    stream.remoteEnded = true;
  } else if (frame.start === frame.end) {
    return null;
  }
  core.gathered.add(stream, frame.bytes.subarray(frame.start, frame.end), endStream);
  if (endStream) core.settle(stream);
  return null;
}
