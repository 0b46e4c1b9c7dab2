import type { TLSSocket } from 'node:tls';
import type { ConnectionHandler } from '../../src/egress/wire/http2/connection-handler.ts';
import { Http2Connection } from '../../src/egress/wire/http2/connection.ts';
import { outgoingField, secretField } from '../../src/egress/wire/http2/header-field.ts';
import type { HeaderField } from '../../src/egress/wire/http2/header-field.ts';
import type { StreamHandler } from '../../src/egress/wire/http2/stream.ts';
import { cipherOf, commonHeaders } from './lane.ts';
import type { Lane } from './lane.ts';
import type { LoadRequest, LoadTarget } from './protocol.ts';

interface Http2LaneOrder {
  target: LoadTarget;
  request: LoadRequest;
  /** How many may be under way at once. */
  count: number;
}

/**
 * Lanes that are streams of one connection. The codec is our own: what it costs is the generator's, and the same for every
 * peer. Resolves when the peer has said how many streams it takes.
 */
export async function http2Lanes(socket: TLSSocket, { target, request, count }: Http2LaneOrder): Promise<Lane[]> {
  const lanes = new Set<PromiseWithResolvers<void>>();
  const ready = Promise.withResolvers<void>();
  const fail = (error: Error) => {
    ready.reject(error);
    for (const asked of lanes) asked.reject(error);
    socket.destroy();
  };
  let flushing = false;
  let connection: Http2Connection | null = null;
  const flush = () => {
    flushing = false;
    connection?.flush((lent) => socket.write(Buffer.from(lent)));
  };
  const schedule = () => {
    if (flushing) return;
    flushing = true;
    process.nextTick(flush);
  };
  const handler: ConnectionHandler = {
    onRequest: () => {
      throw new Error('a client gets no requests');
    },
    onMalformed: () => undefined,
    onOutput: schedule,
    onReady: () => ready.resolve(),
    onGoaway: (code) => fail(new Error(`GOAWAY with code ${code}`)),
    onIdle: () => undefined,
    onPong: () => undefined,
    onFault: ({ reason }) => fail(new Error(reason)),
  };
  const http2 = new Http2Connection({ role: 'client', handler });
  connection = http2;
  socket.on('data', (chunk: Buffer) => void http2.receive(chunk));
  socket.on('drain', () => http2.drained());
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('a connection closed while it was in use')));
  schedule();
  await ready.promise;
  if (http2.peer.maxConcurrentStreams < count)
    throw new Error(`it takes ${http2.peer.maxConcurrentStreams} streams at once, not ${count}`);
  const fields = requestFields(request.path, target);
  const ask = (): Promise<void> => {
    const asked = Promise.withResolvers<void>();
    lanes.add(asked);
    http2.request(fields, {
      handler: answerReader({ http2, bodyBytes: request.bodyBytes, asked, done: () => void lanes.delete(asked) }),
      endStream: true,
      headOnly: false,
    });
    schedule();
    return asked.promise;
  };
  const lane: Lane = { ask, close: () => void socket.destroy(), cipher: () => cipherOf(socket) };
  return Array.from({ length: count }, () => lane);
}

function requestFields(path: string, { authority, credential }: LoadTarget): HeaderField[] {
  return [
    outgoingField(':method', 'GET'),
    outgoingField(':scheme', 'https'),
    outgoingField(':authority', authority),
    outgoingField(':path', path),
    ...commonHeaders.map(([name, value]) => outgoingField(name.toLowerCase(), value)),
    secretField('authorization', Buffer.from(`Bearer ${credential}`)),
  ];
}

interface Reading {
  http2: Http2Connection;
  bodyBytes: number;
  asked: PromiseWithResolvers<void>;
  done: () => void;
}

/** Checks one answer as `responseCounter` does. */
function answerReader({ http2, bodyBytes, asked, done }: Reading): StreamHandler {
  let missing = bodyBytes;
  const end = (error: Error | null) => {
    done();
    if (error === null) asked.resolve();
    else asked.reject(error);
  };
  const ended = () => end(missing === 0 ? null : new Error(`a body was ${missing} bytes shorter than it should be`));
  return {
    onInterim: () => undefined,
    onResponse: (_stream, { status }, endStream) => {
      if (status !== 200) end(new Error(`an answer was not 200 but ${status}`));
      else if (endStream) ended();
    },
    onData: (stream, bytes, endStream) => {
      missing -= bytes.length;
      http2.consume(stream, bytes.length);
      if (endStream) ended();
    },
    onTrailers: ended,
    onWritable: () => undefined,
    onReset: (_stream, { reason }) => end(new Error(`a stream was reset: ${reason}`)),
  };
}
