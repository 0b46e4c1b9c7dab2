import { WireError } from '../wire-error.ts';
import { closing } from './closed-streams.ts';
import type { ConnectionCore } from './connection-core.ts';
import { ConnectionFault, protocolError, StreamFault } from './fault.ts';
import { floodCost } from './flood-budget.ts';
import type { HeaderField } from './header-field.ts';
import { judgeTrailers } from './message-fields.ts';
import { errorCode, frameType } from './protocol.ts';
import { readRequestFields } from './request-fields.ts';
import { readResponseFields } from './response-fields.ts';
import type { Http2Stream } from './stream.ts';

/** A whole header block. */
interface Block {
  streamId: number;
  fields: readonly HeaderField[];
  endStream: boolean;
  /** Why the fields are not there: the list was too large. */
  error: WireError | null;
}

/** Interim answers that one request may get; past them each costs. */
const freeInterims = 8;

/** A header block: a request, an answer, or trailers, by the state of its stream (RFC 9113 sections 5.1 and 8.1). */
export function receiveHeaders(core: ConnectionCore, block: Block): ConnectionFault | null {
  const stream = core.streams.get(block.streamId);
  if (stream === undefined) return receiveUnknown(core, block);
  if (stream.remoteEnded) {
    return core.resetFor(
      stream,
      new StreamFault(errorCode.streamClosed, 'HEADERS after the end of the stream (RFC 9113 section 5.1)'),
    );
  }
  return stream.awaitsHead ? receiveResponse(core, stream, block) : receiveTrailers(core, stream, block);
}

/** A stream that is not open: a server may be asked for it now; otherwise it is over, or never was. */
function receiveUnknown(core: ConnectionCore, block: Block): ConnectionFault | null {
  const { streamId } = block;
  if (core.isIdle(streamId)) {
    if (core.isServer && (streamId & 1) === 1) return receiveRequest(core, block);
    return protocolError('HEADERS on a stream that the peer cannot open (RFC 9113 section 5.1.1)');
  }
  const how = core.closed.how(streamId);
  if (how === closing.resetByUs || core.isIgnored(streamId)) return core.spend(floodCost.late);
  if (how === closing.unknown) return protocolError('a stream below one that was opened (RFC 9113 section 5.1.1)');
  return new ConnectionFault(errorCode.streamClosed, 'HEADERS on a closed stream (RFC 9113 section 5.1)');
}

function receiveRequest(core: ConnectionCore, { streamId, fields, endStream, error }: Block): ConnectionFault | null {
  core.lastPeerStreamId = streamId;
  if (core.isIgnored(streamId)) return null;
  if (core.streams.size >= core.options.maxConcurrentStreams) {
    core.sender.number(frameType.resetStream, streamId, errorCode.refusedStream);
    core.closed.add(streamId, closing.resetByUs);
    return core.spend(floodCost.refused);
  }
  const request = error ?? readRequestFields(fields);
  const stream = core.open(streamId, false);
  stream.remoteEnded = endStream;
  if (request instanceof WireError) return refuseRequest(core, stream, request);
  const { contentLength } = request.regular;
  if (endStream && contentLength > 0) {
    return refuseRequest(core, stream, new WireError(400, 'Content-Length without DATA (RFC 9113 section 8.1.1)'));
  }
  stream.expected = contentLength;
  stream.handler = core.handler.onRequest(stream, request, endStream);
  return null;
}

/** RFC 9113 8.1.1: "For malformed requests, a server MAY send an HTTP response prior to closing or resetting the stream." */
function refuseRequest(core: ConnectionCore, stream: Http2Stream, error: WireError): ConnectionFault | null {
  core.handler.onMalformed(stream, error);
  core.reset(stream, stream.localSent ? errorCode.noError : errorCode.protocolError);
  return core.spend(floodCost.streamFault);
}

function receiveResponse(
  core: ConnectionCore,
  stream: Http2Stream,
  { fields, endStream, error }: Block,
): ConnectionFault | null {
  const response = error ?? readResponseFields(fields);
  if (response instanceof WireError) return core.resetFor(stream, malformed(response.reason));
  if (response.interim) {
    // RFC 9113 8.1: "A HEADERS frame with the END_STREAM flag set that carries an informational status code is malformed".
    if (endStream)
      return core.resetFor(stream, malformed('interim answer that ends the stream (RFC 9113 section 8.1)'));
    stream.handler?.onInterim(stream, response);
    return ++stream.interims > freeInterims ? core.spend(floodCost.interim) : null;
  }
  const { status, regular } = response;
  // RFC 9110 6.4.1: answers to HEAD, 204 and 304 have no content, whatever their Content-Length says.
  stream.expected = stream.headOnly || status === 204 || status === 304 ? 0 : regular.contentLength;
  if (endStream && stream.expected > 0) {
    return core.resetFor(stream, malformed('Content-Length without DATA (RFC 9113 section 8.1.1)'));
  }
  stream.answered = true;
  stream.awaitsHead = false;
  stream.remoteEnded = endStream;
  stream.handler?.onResponse(stream, response, endStream);
  if (endStream) core.settle(stream);
  return null;
}

function receiveTrailers(
  core: ConnectionCore,
  stream: Http2Stream,
  { fields, endStream, error }: Block,
): ConnectionFault | null {
  if (!endStream) return core.resetFor(stream, malformed('trailers that do not end the stream (RFC 9113 section 8.1)'));
  const wrong = error ?? judgeTrailers(fields);
  if (wrong !== null) return core.resetFor(stream, malformed(wrong.reason));
  if (stream.expected !== -1 && stream.received !== stream.expected) {
    return core.resetFor(stream, malformed('less DATA than Content-Length (RFC 9113 section 8.1.1)'));
  }
  stream.remoteEnded = true;
  stream.handler?.onTrailers(stream, fields);
  core.settle(stream);
  return null;
}

function malformed(reason: string): StreamFault {
  return new StreamFault(errorCode.protocolError, reason);
}
