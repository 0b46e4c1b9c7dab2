import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { Http2Server, ServerHttp2Stream } from 'node:http2';
import { duplexPair } from 'node:stream';
import { frame, framesIn, opening } from './frames.ts';
import { frameType } from '../../../../src/egress/wire/http2/protocol.ts';

const lastPing = 'all-read';

export interface NodeVerdict {
  /** The streams whose requests it took. */
  taken: number[];
  /** The code of its GOAWAY, or null where the connection goes on. */
  fault: string | null;
}

/** A server of Node's (nghttp2 as it is strictest), which answers every request that it takes with 200. */
export function nodeServer(): Http2Server {
  const server = createServer({ strictFieldWhitespaceValidation: true, settings: { enableConnectProtocol: true } });
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.resume();
    // It throws from respond() on a stream that was reset meanwhile.
    if (!stream.destroyed) stream.respond({ ':status': 200 }, { endStream: true });
  });
  server.on('sessionError', () => {});
  return server;
}

/** What Node's server makes of these frames after a greeting. One at a time. */
export async function nodeVerdict(server: Http2Server, frames: Buffer): Promise<NodeVerdict> {
  const [ours, theirs] = duplexPair();
  const taken: number[] = [];
  const take = ({ id }: { id?: number | undefined }) => taken.push(id ?? 0);
  server.on('stream', take);
  server.emit('connection', theirs);
  let written = Buffer.alloc(0);
  let fault: string | null = null;
  const over = Promise.withResolvers<void>();
  ours.on('data', (part: Buffer) => {
    written = Buffer.concat([written, part]);
    for (const { type, code = '', payload } of framesIn(wholeFrames(written))) {
      if (type === 'goaway' && code !== 'noError') fault = code;
      // PING is answered before anything else is written, but after everything before it was read.
      if (type === 'goaway' || (type === 'ping' && payload.toString() === lastPing)) over.resolve();
    }
  });
  for (const event of ['end', 'close', 'error']) ours.on(event, () => over.resolve());
  ours.write(Buffer.concat([opening, frames, frame(frameType.ping, 0, { payload: lastPing })]));
  await over.promise;
  server.off('stream', take);
  const closed = once(ours, 'close');
  ours.destroy();
  theirs.destroy();
  await closed;
  return { taken, fault };
}

function wholeFrames(bytes: Buffer): Buffer {
  let end = 0;
  while (end + 9 <= bytes.length && end + 9 + bytes.readUIntBE(end, 3) <= bytes.length)
    end += 9 + bytes.readUIntBE(end, 3);
  return bytes.subarray(0, end);
}
