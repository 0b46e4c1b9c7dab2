import { connect } from 'node:net';
import type { ConnectionHandler } from '../../../../src/egress/wire/http2/connection-handler.ts';
import { Http2Connection } from '../../../../src/egress/wire/http2/connection.ts';
import { outgoingField } from '../../../../src/egress/wire/http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../../../../src/egress/wire/http2/stream.ts';
import type { Pairs } from './frames.ts';
import { attachSocket } from './socket-leg.ts';

export interface Fetched {
  interim: number[];
  status: number;
  headers: Record<string, string>;
  body: Buffer;
  trailers: Record<string, string>;
}

/** A client on our own connection, over a socket on loopback, for tests. */
export class TestClient {
  readonly connection: Http2Connection;
  readonly ready: Promise<void>;
  /** The code of each GOAWAY. */
  readonly goaways: number[] = [];
  readonly #socket;

  constructor(port: number) {
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    const leg = attachSocket(this.#socket, () => this.connection);
    const handler: ConnectionHandler = {
      onRequest: () => {
        throw new Error('a client is asked nothing');
      },
      onMalformed: () => {},
      onOutput: leg.onOutput,
      onReady: ready.resolve,
      onGoaway: (code) => this.goaways.push(code),
      onIdle: () => {},
      onPong: () => {},
      onFault: () => {},
    };
    this.connection = new Http2Connection({ role: 'client', handler });
  }

  /** `body` is written as fast as it is taken; `trailers` follow it. Rejects with the code of a reset. */
  fetch(pairs: Pairs, rest: { body?: Buffer; trailers?: Pairs } = {}): Promise<Fetched> {
    const { promise, resolve, reject } = Promise.withResolvers<Fetched>();
    const fetched: Fetched = { interim: [], status: 0, headers: {}, body: Buffer.alloc(0), trailers: {} };
    const parts: Buffer[] = [];
    let sent = 0;
    const finish = () => resolve({ ...fetched, body: Buffer.concat(parts) });
    const send = (stream: Http2Stream) => {
      const { body = Buffer.alloc(0), trailers } = rest;
      for (let more = true; more && sent < body.length;) {
        const part = body.subarray(sent, sent + 50_000);
        sent += part.length;
        more = this.connection.sendData(stream, part, sent === body.length && trailers === undefined);
      }
      if (sent === body.length && trailers !== undefined) this.connection.sendTrailers(stream, fieldsOf(trailers));
    };
    const handler: StreamHandler = {
      onInterim: (_stream, { status }) => fetched.interim.push(status),
      onResponse: (_stream, { status, regular }, endStream) => {
        fetched.status = status;
        for (const { name, value } of regular.fields.slice(regular.first)) fetched.headers[name] = value;
        if (endStream) finish();
      },
      onData: (stream, bytes, endStream) => {
        parts.push(Buffer.from(bytes));
        this.connection.consume(stream, bytes.length);
        if (endStream) finish();
      },
      onTrailers: (_stream, fields) => {
        for (const { name, value } of fields) fetched.trailers[name] = value;
        finish();
      },
      onWritable: send,
      onReset: (_stream, { code }) => reject(Object.assign(new Error('reset'), { code })),
    };
    const endStream = rest.body === undefined && rest.trailers === undefined;
    const headOnly = pairs.some(([name, value]) => name === ':method' && value === 'HEAD');
    const stream = this.connection.request(fieldsOf(pairs), { handler, endStream, headOnly });
    if (!endStream) send(stream);
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}

function fieldsOf(pairs: Pairs) {
  return pairs.map(([name, value]) => outgoingField(name, value));
}
