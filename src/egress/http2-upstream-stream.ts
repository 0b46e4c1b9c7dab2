import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Http2UpstreamConnection } from './http2-upstream-connection.ts';
import { StreamIntake, finishStream } from './http2-stream-flow.ts';
import type { LinkFacts, UpstreamHandler, UpstreamLink } from './upstream-link.ts';
import { BodyReader } from './wire/body.ts';
import { chunkOf, lastChunk } from './wire/chunk-writer.ts';
import type { RequestHead } from './wire/head.ts';
import { trailerSection } from './wire/http2/field-lines.ts';
import type { HeaderField } from './wire/http2/header-field.ts';
import { errorCode } from './wire/http2/protocol.ts';
import type { ResponseFields } from './wire/http2/response-fields.ts';
import { responseHead } from './wire/http2/response-head.ts';
import type { Http2Stream, StreamHandler, StreamReset } from './wire/http2/stream.ts';
import { WireError } from './wire/wire-error.ts';

/** RFC 6455 section 1.3. */
const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * One request on a stream of HTTP/2 (RFC 9113): it takes content framed as HTTP/1.1 has it, and gives the answer as the
 * bytes that HTTP/1.1 would have, so that an exchange knows one kind of upstream.
 */
export class Http2UpstreamStream implements UpstreamLink, StreamHandler {
  readonly takes = 'fields';
  readonly address: string;
  readonly facts: LinkFacts;
  handler: UpstreamHandler | null = null;
  mayRepeat = false;
  readonly #connection: Http2UpstreamConnection;
  #stream: Http2Stream | null = null;
  #head: RequestHead | null = null;
  #content: BodyReader | null = null;
  /** The stream carries another protocol. */
  #switched = false;
  givesChunks = false;
  #more = true;
  readonly #intake: StreamIntake;

  constructor(connection: Http2UpstreamConnection) {
    this.#connection = connection;
    this.facts = connection.facts;
    this.address = connection.facts.address;
    this.#intake = new StreamIntake(connection.http2);
  }

  open(head: RequestHead, fields: readonly HeaderField[]): void {
    const { http2 } = this.#connection;
    const isWebSocket = head.upgrade !== null;
    this.#head = head;
    if (!http2.canOpen || (isWebSocket && !http2.peer.connectProtocol)) {
      this.mayRepeat = !isWebSocket;
      queueMicrotask(() => this.#close(new Error('no stream can be opened')));
      return;
    }
    const { framing } = head;
    const isEmpty = framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0);
    const ends = !isWebSocket && isEmpty;
    this.#stream = http2.request(fields, { handler: this, endStream: ends, headOnly: head.method === 'HEAD' });
    this.#connection.idleSince = Number.POSITIVE_INFINITY;
    if (ends || isWebSocket) return;
    const stream = this.#stream;
    this.#content = new BodyReader(head.framing, 400, (part) => {
      this.#more = http2.sendData(stream, part, false) && this.#more;
    });
  }

  write(bytes: Buffer): boolean {
    const { http2 } = this.#connection;
    if (this.#stream === null) return true;
    if (this.#switched) return http2.sendData(this.#stream, bytes, false);
    if (this.#content === null || this.#content.done) return true;
    this.#more = true;
    // It was read once before: there is nothing wrong with it.
    this.#content.push(bytes, 0, bytes.length);
    if (this.#content.done) finishStream(http2, this.#stream, this.#content.trailers);
    return this.#more;
  }

  end(): void {
    if (this.#stream !== null) finishStream(this.#connection.http2, this.#stream, null);
  }

  onInterim(_stream: Http2Stream, response: ResponseFields): void {
    this.#giveHead(response, false);
  }

  onResponse(_stream: Http2Stream, response: ResponseFields, endStream: boolean): void {
    if (this.#head?.upgrade != null && response.status >= 200 && response.status < 300) {
      this.#switched = true;
      this.handler?.onData(this.#switchHead(this.#head, response));
      if (endStream) this.#giveEnd(null);
      return;
    }
    this.#giveHead(response, endStream);
  }

  #giveHead(response: ResponseFields, endStream: boolean): void {
    const head = responseHead(response, { method: this.#head?.method ?? '', endStream });
    if (head instanceof WireError) {
      this.#reset(errorCode.protocolError);
      this.#close(new Error(head.reason));
      return;
    }
    this.givesChunks = head.framing.kind !== 'none' && !endStream;
    this.handler?.onData(head.lines.bytes);
  }

  /** RFC 8441 5: the 2xx of an extended CONNECT is what 101 is in HTTP/1.1, with the proof that its key asks for. */
  #switchHead(head: RequestHead, { regular }: ResponseFields): Buffer {
    const line = head.lines.find('sec-websocket-key');
    const key = line === -1 ? '' : head.lines.value(line);
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    lines.push(
      `Sec-WebSocket-Accept: ${createHash('sha1')
        .update(key + acceptGuid)
        .digest('base64')}`,
    );
    for (const { name, value } of regular.fields.slice(regular.first)) {
      if (name !== 'content-length' && name !== 'sec-websocket-accept') lines.push(`${name}: ${value}`);
    }
    return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  }

  onData(stream: Http2Stream, bytes: Buffer, endStream: boolean): void {
    if (bytes.length > 0) {
      this.#give(bytes);
      this.#intake.took(stream, bytes.length);
    }
    if (endStream) this.#giveEnd(null);
  }

  #give(bytes: Buffer): void {
    this.handler?.onData(this.#switched || !this.givesChunks ? bytes : chunkOf(bytes));
  }

  onTrailers(_stream: Http2Stream, fields: readonly HeaderField[]): void {
    this.#giveEnd(trailerSection(fields));
  }

  #giveEnd(trailers: Buffer | null): void {
    if (this.#switched) this.handler?.onEnd();
    else if (this.givesChunks) this.handler?.onData(lastChunk(trailers));
  }

  onWritable(): void {
    this.handler?.onDrain();
  }

  onReset(_stream: Http2Stream, reset: StreamReset): void {
    this.mayRepeat = reset.unprocessed;
    this.#close(new Error(reset.reason));
  }

  #close(error: Error | null): void {
    const { handler } = this;
    this.handler = null;
    handler?.onClose(error);
  }

  pause(): void {
    this.#intake.pause();
  }

  resume(): void {
    this.#intake.resume(this.#stream);
  }

  cut(): void {
    this.#reset(errorCode.cancel);
    this.#close(null);
  }

  release(): void {
    this.handler = null;
    this.resume();
    if (this.#stream?.hasUnsent === true || this.#stream?.remoteEnded === false) this.#reset(errorCode.cancel);
  }

  destroy(): void {
    this.handler = null;
    this.#reset(errorCode.cancel);
  }

  #reset(code: number): void {
    if (this.#stream !== null) this.#connection.http2.reset(this.#stream, code);
  }
}
