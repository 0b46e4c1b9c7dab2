import { Buffer } from 'node:buffer';
import type { EgressContext } from './context.ts';
import { Exchange } from './exchange.ts';
import type { Http2ClientConnection } from './http2-client-connection.ts';
import { StreamIntake, finishStream } from './http2-stream-flow.ts';
import { refusalAnswer } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import type { AnswerHead, AnswerWriter, RequestSource, SharedRoute } from './request-source.ts';
import type { Destination, Refused } from './target.ts';
import type { Share } from './turns.ts';
import { chunkOf, lastChunk } from './wire/chunk-writer.ts';
import type { RequestHead, ResponseHead } from './wire/head.ts';
import { trailerSection } from './wire/http2/field-lines.ts';
import { outgoingField } from './wire/http2/header-field.ts';
import type { HeaderField } from './wire/http2/header-field.ts';
import { responseFields, statusField } from './wire/http2/outgoing-fields.ts';
import { errorCode } from './wire/http2/protocol.ts';
import type { Http2Stream, StreamHandler } from './wire/http2/stream.ts';
import { knownHeader } from './wire/known-headers.ts';

const nothing = Buffer.alloc(0);

/**
 * One request of a client of HTTP/2 (RFC 9113), as the exchange knows one of HTTP/1.1: its content comes framed as its head
 * says, and its answer goes out as frames.
 */
export class Http2Request implements RequestSource, StreamHandler, AnswerWriter {
  readonly passesBytes = false;
  place = -1;
  deadline = Number.POSITIVE_INFINITY;
  readonly #connection: Http2ClientConnection;
  readonly #stream: Http2Stream;
  readonly #head: RequestHead;
  readonly #exchange: Exchange;
  readonly #intake: StreamIntake;
  /** The end of the answer has been sent. */
  #ended = false;

  constructor(connection: Http2ClientConnection, stream: Http2Stream, head: RequestHead) {
    this.#connection = connection;
    this.#stream = stream;
    this.#head = head;
    this.#intake = new StreamIntake(connection.http2);
    this.#exchange = new Exchange(this, head);
    connection.context.connections.add(this);
  }

  /** Called once, after the stream knows its handler. */
  begin(): void {
    this.#exchange.begin(nothing, 0);
  }

  get context(): EgressContext {
    return this.#connection.context;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  get caller(): string | null {
    return this.#connection.sandboxId;
  }

  get sandboxId(): string | null {
    return this.#connection.sandboxId;
  }

  get destination(): Destination | null {
    return this.#connection.destination;
  }

  get misdirected(): Refused | null {
    return this.#connection.misdirected;
  }

  get share(): Share | null {
    return this.#connection.share;
  }

  /** Its tunnel was opened for a sandbox. */
  identified(): never {
    throw new Error('it is known whose tunnel this is');
  }

  get shared(): SharedRoute {
    return this.#connection.shared;
  }

  onInterim(): void {}

  onResponse(): void {}

  onData(stream: Http2Stream, bytes: Buffer, endStream: boolean): void {
    if (bytes.length > 0) {
      this.#take(bytes);
      this.#intake.took(stream, bytes.length);
    }
    if (endStream) this.#takeEnd(null);
  }

  onTrailers(_stream: Http2Stream, fields: readonly HeaderField[]): void {
    this.#takeEnd(trailerSection(fields));
  }

  /** What was lent is copied: the upstream's socket may keep it. */
  #take(bytes: Buffer): void {
    if (this.#exchange.switched) {
      this.#exchange.takeSwitched(Buffer.from(bytes));
    } else if (this.#exchange.wantsBody) {
      this.#exchange.takeBody(this.#head.framing.kind === 'chunked' ? chunkOf(bytes) : Buffer.from(bytes), 0);
    }
  }

  #takeEnd(trailers: Buffer | null): void {
    if (this.#exchange.switched) this.#exchange.clientEnded();
    else if (this.#head.framing.kind === 'chunked' && this.#exchange.wantsBody) {
      this.#exchange.takeBody(lastChunk(trailers), 0);
    }
  }

  onWritable(): void {
    this.#exchange.clientDrained();
  }

  onReset(): void {
    this.#over();
    this.#exchange.clientClosed();
  }

  write(bytes: Buffer): boolean {
    return this.#connection.http2.sendData(this.#stream, bytes, false);
  }

  interim(head: ResponseHead): void {
    if (head.status !== 101) {
      this.#connection.http2.interim(this.#stream, responseFields(head));
      return;
    }
    // RFC 8441 5: "the HTTP/2 [...] uses [...] a 2xx"; what HTTP/1.1 proves with its key has no place here.
    const fields = responseFields(head, {
      drop: (line) =>
        head.lines.isNamed(line, 'sec-websocket-accept') || head.lines.kinds[line] === knownHeader.upgrade,
    });
    fields[0] = statusField(200);
    this.#connection.http2.respond(this.#stream, fields, false);
  }

  answer(): AnswerWriter {
    return this;
  }

  head(head: ResponseHead, { content, omits }: AnswerHead): void {
    const { lines } = head;
    const fields = responseFields(head, {
      recent: this.#connection.recent,
      drop: (line) =>
        (content === 'open' && lines.kinds[line] === knownHeader.contentLength) ||
        omits?.(lines.name(line).toLowerCase()) === true,
    });
    // An answer that is nothing but its fields ends with them: gRPC takes no other for one that has only a status.
    this.#ended = content === 'none';
    this.#connection.http2.respond(this.#stream, fields, this.#ended);
  }

  content(bytes: Buffer): boolean {
    return this.#connection.http2.sendData(this.#stream, bytes, false);
  }

  end(trailers: Buffer | null): void {
    if (this.#ended) return;
    this.#ended = true;
    finishStream(this.#connection.http2, this.#stream, trailers);
  }

  refuse(refused: Refusal, { head }: { head: boolean }): void {
    this.#connection.refuse(this.#stream, refused, { head });
    this.#ended = true;
  }

  pause(): void {
    this.#intake.pause();
  }

  resume(): void {
    this.#intake.resume(this.#stream);
  }

  goOn(): void {
    this.resume();
  }

  /** An answer may be complete before the request is: what still comes of that is thrown away. */
  finish(): void {
    this.#over();
    if (!this.#ended) this.end(null);
    this.#connection.http2.leaveRest(this.#stream);
    this.#intake.resume(this.#stream);
    if (this.#stream.hasUnsent && !this.#stream.gone) this.#connection.watchUntaken();
  }

  endWriting(): void {
    this.end(null);
  }

  close(): void {
    this.finish();
  }

  /** Cut off, as the client must see. */
  destroy(): void {
    this.#over();
    this.#connection.http2.reset(this.#stream, errorCode.internalError);
    this.#exchange.clientClosed();
  }

  reconsider(): void {
    this.#exchange.reconsider();
  }

  expire(): void {
    this.#exchange.expire();
  }

  drain(): void {}

  #over(): void {
    this.context.connections.delete(this);
  }
}

/** The proxy's own answer as fields. */
export function refusalFields(refused: Refusal): { fields: HeaderField[]; body: Buffer } {
  const { fields, body } = refusalAnswer(refused);
  return {
    fields: [statusField(refused.status), ...fields.map(([name, value]) => outgoingField(name.toLowerCase(), value))],
    body: Buffer.from(body, 'utf8'),
  };
}
