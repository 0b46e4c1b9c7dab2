import type { ConnectionHandler } from '../../../../src/egress/wire/http2/connection-handler.ts';
import { Http2Connection } from '../../../../src/egress/wire/http2/connection.ts';
import type { Http2Options } from '../../../../src/egress/wire/http2/connection.ts';
import { clientPreface, errorCode, frameFlag, frameType } from '../../../../src/egress/wire/http2/protocol.ts';
import type { Http2Stream, StreamHandler } from '../../../../src/egress/wire/http2/stream.ts';

/** Frames as bytes, and what a connection makes of them, for tests. */
export function frame(
  type: number,
  flags: number,
  rest: { id?: number; payload?: Buffer | number[] | string },
): Buffer {
  const payload =
    typeof rest.payload === 'string' ? Buffer.from(rest.payload, 'latin1') : Buffer.from(rest.payload ?? []);
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(rest.id ?? 0, 5);
  return Buffer.concat([head, payload]);
}

export type Pairs = readonly (readonly [string, string])[];

/** Literals that nobody indexes (RFC 7541 section 6.2.2), so that blocks do not depend on each other. */
export function block(pairs: Pairs): Buffer {
  return Buffer.concat(pairs.flatMap(([name, value]) => [Buffer.from([0]), string(name), string(value)]));
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

export const end = frameFlag.endHeaders | frameFlag.endStream;

export function headers(id: number, pairs: Pairs, flags: number = end): Buffer {
  return frame(frameType.headers, flags, { id, payload: block(pairs) });
}

export function data(id: number, payload: string | Buffer, flags = 0): Buffer {
  return frame(frameType.data, flags, { id, payload });
}

export function number(type: number, id: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return frame(type, 0, { id, payload });
}

export function settings(...entries: (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  for (const [at, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(id, at * 6);
    payload.writeUInt32BE(value, at * 6 + 2);
  }
  return frame(frameType.settings, 0, { payload });
}

export const get: Pairs = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'a.example'],
  [':path', '/'],
];
export const post: Pairs = [[':method', 'POST'], ...get.slice(1)];
export const opening = Buffer.concat([clientPreface, settings()]);

const typeNames = new Map<number, string>(Object.entries(frameType).map(([name, type]) => [type, name]));
const codeNames = new Map<number, string>(Object.entries(errorCode).map(([name, code]) => [code, name]));

export interface Sent {
  type: string;
  flags: number;
  id: number;
  payload: Buffer;
  /** Of RST_STREAM and GOAWAY. */
  code: string | undefined;
}

/** The frames in what a connection has written; a client's preface is passed over. */
export function framesIn(bytes: Buffer): Sent[] {
  const found: Sent[] = [];
  let at = bytes.subarray(0, clientPreface.length).equals(clientPreface) ? clientPreface.length : 0;
  while (at < bytes.length) {
    const length = bytes.readUIntBE(at, 3);
    const type = typeNames.get(bytes[at + 3] ?? 255) ?? 'unknown';
    const payload = bytes.subarray(at + 9, at + 9 + length);
    if (payload.length < length) throw new Error('a frame is cut off');
    const codeAt = type === 'resetStream' ? 0 : type === 'goaway' ? 4 : -1;
    const code = codeAt === -1 ? undefined : codeNames.get(payload.readUInt32BE(codeAt));
    found.push({ type, flags: bytes[at + 4] ?? 0, id: bytes.readUInt32BE(at + 5), payload, code });
    at += 9 + length;
  }
  return found;
}

/** `<stream> <code>` of each RST_STREAM among them. */
export function resets(sent: Sent[]): (string | undefined)[] {
  return sent.filter(({ type }) => type === 'resetStream').map(({ id, code }) => `${id} ${code ?? ''}`);
}

/** A connection that writes down what happens, one line an event. */
export class Recorder {
  readonly events: string[] = [];
  readonly streams = new Map<number, Http2Stream>();
  readonly connection: Http2Connection;
  readonly handler: StreamHandler;
  /** Called for each request. */
  onRequest: (stream: Http2Stream) => void = () => {};
  onMalformed: (stream: Http2Stream) => void = () => {};
  onData: (stream: Http2Stream, bytes: Buffer) => void = (stream, bytes) =>
    this.connection.consume(stream, bytes.length);
  onWritable: (stream: Http2Stream) => void = () => {};
  #content = new Map<number, string>();

  constructor(options: Partial<Http2Options> = {}) {
    const log = (line: string) => this.events.push(line);
    this.handler = {
      onInterim: ({ id }, { status }) => log(`${id} interim ${status}`),
      onResponse: ({ id }, { status }, endStream) => log(`${id} response ${status}${endStream ? ' end' : ''}`),
      onData: (stream, bytes, endStream) => {
        this.#content.set(stream.id, (this.#content.get(stream.id) ?? '') + bytes.toString('latin1'));
        this.onData(stream, bytes);
        if (endStream) log(`${stream.id} content ${this.#content.get(stream.id) ?? ''}`);
      },
      onTrailers: ({ id }, fields) =>
        log(`${id} trailers ${fields.map(({ name, value }) => `${name}=${value}`).join()}`),
      onWritable: (stream) => this.onWritable(stream),
      onReset: ({ id }, { code, byPeer, unprocessed }) =>
        log(
          `${id} reset ${codeNames.get(code) ?? code}${byPeer ? ' by peer' : ''}${unprocessed ? ' unprocessed' : ''}`,
        ),
    };
    const handler: ConnectionHandler = {
      onRequest: (stream, { method, path, authority }, endStream) => {
        log(`${stream.id} ${method} ${authority} ${path ?? ''}${endStream ? ' end' : ''}`);
        this.streams.set(stream.id, stream);
        this.onRequest(stream);
        return this.handler;
      },
      onMalformed: (stream, { status, reason }) => {
        log(`${stream.id} malformed ${status} ${reason}`);
        this.onMalformed(stream);
      },
      onOutput: () => {},
      onReady: () => log('ready'),
      onGoaway: (code, last) => log(`goaway ${codeNames.get(code) ?? code} ${last}`),
      onIdle: () => log('idle'),
      onPong: () => log('pong'),
      onFault: ({ code, reason }) => log(`fault ${codeNames.get(code) ?? code} ${reason}`),
    };
    this.connection = new Http2Connection({ role: 'server', handler, ...options });
  }

  /** Bytes in, frames out. */
  take(...chunks: Buffer[]): Sent[] {
    // A copy that is overwritten afterwards: whoever keeps what was lent is found out.
    const lent = Buffer.concat(chunks);
    this.connection.receive(lent);
    lent.fill(0xee);
    return this.flush();
  }

  flush(): Sent[] {
    const parts: Buffer[] = [];
    this.connection.flush((lent) => {
      parts.push(Buffer.from(lent));
      return true;
    });
    return framesIn(Buffer.concat(parts));
  }

  /** The code of the GOAWAY among them, or undefined. */
  static fault(sent: Sent[]): string | undefined {
    return sent.find(({ type }) => type === 'goaway')?.code;
  }
}

/** A server that has been greeted, and whose own greeting is out of the way. */
export function server(options: Partial<Http2Options> = {}): Recorder {
  const recorder = new Recorder(options);
  recorder.take(opening);
  recorder.events.length = 0;
  return recorder;
}

/** The same for a client. */
export function client(...peer: (readonly [number, number])[]): Recorder {
  const recorder = new Recorder({ role: 'client' });
  recorder.take(settings(...peer));
  recorder.events.length = 0;
  return recorder;
}
