import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Http2UpstreamConnection } from './http2-upstream-connection.ts';
import type { UpstreamHandler, UpstreamLink } from './upstream-link.ts';
import { BodyReader } from './wire/body.ts';
import type { RequestHead } from './wire/head.ts';
import { trailerSection } from './wire/http2/field-lines.ts';
import type { HeaderField } from './wire/http2/header-field.ts';
import { trailerFields } from './wire/http2/outgoing-fields.ts';
import { errorCode } from './wire/http2/protocol.ts';
import type { ResponseFields } from './wire/http2/response-fields.ts';
import { responseHead } from './wire/http2/response-head.ts';
import type { Http2Stream, StreamHandler, StreamReset } from './wire/http2/stream.ts';
import { trailerLines } from './wire/trailers.ts';
import { WireError } from './wire/wire-error.ts';

const nothing = Buffer.alloc(0);
const lineEnd = Buffer.from('\r\n', 'latin1');
const lastChunk = Buffer.from('0\r\n', 'latin1');
/** RFC 6455 section 1.3. */
const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * One request on a stream of HTTP/2 (RFC 9113): it takes content framed as HTTP/1.1 has it, and gives the answer as the
 * bytes that HTTP/1.1 would have, so that an exchange knows one kind of upstream.
 */
export class Http2UpstreamStream implements UpstreamLink, StreamHandler {
  readonly takes = 'fields';
  readonly address: string;
  handler: UpstreamHandler | null = null;
  mayRepeat = false;
  readonly #connection: Http2UpstreamConnection;
  #stream: Http2Stream | null = null;
  #head: RequestHead | null = null;
  #content: BodyReader | null = null;
  /** The stream carries another protocol. */
  #switched = false;
  /** The answer's content is of unknown length, so it is given in chunks. */
  #chunked = false;
  #more = true;
  #paused = false;
  /** Content that was handed on while it was not wanted. */
  #unconsumed = 0;

  constructor(connection: Http2UpstreamConnection) {
    this.#connection = connection;
    this.address = connection.address;
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
    const endStream = !isWebSocket && isEmpty;
    this.#stream = http2.request(fields, { handler: this, endStream, headOnly: head.method === 'HEAD' });
    this.#connection.idleSince = Number.POSITIVE_INFINITY;
    if (endStream || isWebSocket) return;
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
    if (this.#content.done) this.#finishContent(this.#stream, this.#content.trailers);
    return this.#more;
  }

  #finishContent(stream: Http2Stream, trailers: Buffer | null): void {
    const lines = trailers === null ? null : trailerLines(trailers);
    if (lines === null || lines instanceof WireError || lines.count === 0) {
      this.#connection.http2.sendData(stream, nothing, true);
    } else {
      this.#connection.http2.sendTrailers(stream, trailerFields(lines));
    }
  }

  end(): void {
    if (this.#stream !== null) this.#connection.http2.sendData(this.#stream, nothing, true);
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
    this.#chunked = head.framing.kind === 'chunked';
    this.handler?.onData(head.lines.bytes);
  }

  /** RFC 8441 5: the 2xx of an extended CONNECT is what 101 is in HTTP/1.1, with the proof that its key asks for. */
  #switchHead(head: RequestHead, { regular }: ResponseFields): Buffer {
    const key = valueOf(head, 'sec-websocket-key');
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
      if (this.#paused) this.#unconsumed += bytes.length;
      else this.#connection.http2.consume(stream, bytes.length);
    }
    if (endStream) this.#giveEnd(null);
  }

  #give(bytes: Buffer): void {
    if (this.#switched || !this.#chunked) this.handler?.onData(bytes);
    else this.handler?.onData(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, lineEnd]));
  }

  onTrailers(_stream: Http2Stream, fields: readonly HeaderField[]): void {
    this.#giveEnd(trailerSection(fields));
  }

  #giveEnd(trailers: Buffer | null): void {
    if (this.#switched) this.handler?.onEnd();
    else if (this.#chunked) this.handler?.onData(Buffer.concat([lastChunk, trailers ?? lineEnd]));
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
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const count = this.#unconsumed;
    this.#unconsumed = 0;
    if (count > 0 && this.#stream !== null) this.#connection.http2.consume(this.#stream, count);
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

function valueOf({ lines }: RequestHead, lowerName: string): string {
  for (let line = 0; line < lines.count; line++) if (lines.isNamed(line, lowerName)) return lines.value(line);
  return '';
}
