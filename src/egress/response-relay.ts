import { Buffer } from 'node:buffer';
import type { ClientConnection } from './client-connection.ts';
import { refusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import type { UpstreamConnection } from './upstream.ts';
import { BodyReader } from './wire/body.ts';
import { buildResponseHead, goesOnUnchanged } from './wire/forward-response.ts';
import { findHeadEnd } from './wire/head-end.ts';
import type { RequestHead, ResponseHead } from './wire/head.ts';
import { parseResponseHead } from './wire/http1-response.ts';
import { knownHeader } from './wire/known-headers.ts';
import { WireError } from './wire/wire-error.ts';

const closeLine = ['Connection: close'];
/** Up to this size content goes out in the same write as its head. */
const maxJoined = 16 * 1024;

/** What came of the answer. `refused`: it could not be passed on, and nothing of it was unless `begun`. */
export interface RelayOutcome {
  keepAlive: boolean;
  refused: Refusal | null;
}

/** Whose request is answered. */
export interface RelayOwner {
  readonly head: RequestHead;
  relayed(outcome: RelayOutcome): void;
}

/** Passes one answer on: interim heads, the head, the content as it comes, and the way back to the pool. */
export class ResponseRelay {
  /** Of the final head; null before it. */
  status: number | null = null;
  /** Something of the final answer has been written to the client. */
  begun = false;
  readonly #client: ClientConnection;
  readonly #upstream: UpstreamConnection;
  readonly #owner: RelayOwner;
  readonly #request: RequestHead;
  #held: Buffer | null = null;
  #head: ResponseHead | null = null;
  #body: BodyReader | null = null;
  #requestSent = false;
  /** The client's connection ends with this answer. */
  #closes = false;
  /** The connection speaks another protocol now. */
  switched = false;
  #over = false;

  constructor(client: ClientConnection, upstream: UpstreamConnection, owner: RelayOwner) {
    this.#client = client;
    this.#upstream = upstream;
    this.#owner = owner;
    this.#request = owner.head;
  }

  /** The request is on its way whole: only then may its connection carry another. */
  requestSent(): void {
    this.#requestSent = true;
  }

  /** Bytes from the upstream, lent for the time of the call. */
  receive(chunk: Buffer): void {
    if (this.#over) return;
    if (this.switched) {
      this.#write(chunk);
      return;
    }
    if (this.#body !== null) {
      this.#receiveBody(chunk, 0);
      return;
    }
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = null;
    this.#receiveHead(bytes);
  }

  #receiveHead(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const end = findHeadEnd(bytes, at, bytes.length);
      if (end === -1) {
        this.#held = Buffer.from(bytes.subarray(at));
        return;
      }
      if (end instanceof WireError) {
        this.#break(end.reason);
        return;
      }
      const head = parseResponseHead(bytes, at, { end, method: this.#request.method });
      if (head instanceof WireError) {
        this.#break(head.reason);
        return;
      }
      if (!head.interim) {
        this.#beginFinal(head, bytes, { start: at, end });
        return;
      }
      at = end;
      // RFC 9110 15.2: "A server MUST NOT send a 1xx response to an HTTP/1.0 client."
      if (this.#request.minorVersion === 1) this.#write(buildResponseHead(head));
    }
  }

  #beginFinal(head: ResponseHead, bytes: Buffer, place: { start: number; end: number }): void {
    if (head.status === 101) {
      this.#switch(head, bytes.subarray(place.end));
      return;
    }
    if (head.framing.kind === 'chunked' && this.#request.minorVersion === 0) {
      this.#break('a chunked answer to an HTTP/1.0 request (RFC 9112 section 6.1)');
      return;
    }
    this.#head = head;
    this.#body = new BodyReader(head.framing, 502);
    // RFC 9112 9.6: who will not read a request to its end says so, lest the rest be taken for another.
    this.#closes = head.framing.kind === 'close' || !this.#request.keepAlive || !this.#requestSent;
    const end = this.#body.push(bytes, place.end, bytes.length);
    if (end instanceof WireError) {
      this.#break(end.reason);
      return;
    }
    this.status = head.status;
    this.begun = true;
    if (!this.#closes && goesOnUnchanged(head)) {
      const whole = place.start === 0 && this.#body.forwardEnd === bytes.length;
      this.#write(whole ? bytes : bytes.subarray(place.start, this.#body.forwardEnd));
      this.#afterBody(end < bytes.length);
      return;
    }
    const ready = bytes.subarray(place.end, this.#body.forwardEnd);
    if (ready.length <= maxJoined) {
      this.#write(buildResponseHead(head, { lines: this.#closes ? closeLine : [], body: ready }));
    } else {
      this.#write(buildResponseHead(head, { lines: this.#closes ? closeLine : [] }));
      this.#write(ready);
    }
    this.#afterBody(end < bytes.length);
  }

  #receiveBody(chunk: Buffer, start: number): void {
    const body = this.#body;
    if (body === null) return;
    const end = body.push(chunk, start, chunk.length);
    if (end instanceof WireError) {
      this.#break(end.reason);
      return;
    }
    if (body.forwardEnd > start) this.#write(chunk.subarray(start, body.forwardEnd));
    this.#afterBody(end < chunk.length);
  }

  /** `surplus`: bytes after the end of the answer, which nobody asked for. */
  #afterBody(surplus: boolean): void {
    const body = this.#body;
    if (body?.done !== true) return;
    if (body.trailers !== null) this.#write(body.trailers);
    this.#complete(surplus);
  }

  #complete(surplus: boolean): void {
    if (this.#over) return;
    this.#over = true;
    const head = this.#head;
    if (head?.keepAlive === true && this.#requestSent && !surplus)
      this.#upstream.release(keepAliveOf(head, this.#client));
    else this.#upstream.destroy();
    this.#owner.relayed({ keepAlive: !this.#closes, refused: null });
  }

  /** RFC 9110 7.8: from here on both sides speak something else, which passes untouched. */
  #switch(head: ResponseHead, rest: Buffer): void {
    if (this.#request.upgrade === null || head.upgrade !== this.#request.upgrade) {
      this.#break('a switch of protocols that was not asked for (RFC 9110 section 15.2.2)');
      return;
    }
    this.status = 101;
    this.begun = true;
    this.switched = true;
    this.#write(buildResponseHead(head));
    if (rest.length > 0) this.#write(rest);
    this.#client.goOn();
  }

  upstreamEnded(): void {
    if (this.#over) return;
    if (this.switched) {
      this.#client.endWriting();
    } else if (this.#head?.framing.kind === 'close') {
      this.#complete(true);
    } else {
      this.#upstream.socket.destroy();
    }
  }

  clientEnded(): void {
    if (this.switched) this.#upstream.socket.end();
  }

  #break(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.relayed({
      keepAlive: false,
      refused: refusal('upstream_protocol_error', `the upstream's answer is not valid HTTP: ${reason}`),
    });
  }

  #write(bytes: Buffer): void {
    if (!this.#client.write(bytes, { lent: true })) this.#upstream.pause();
  }
}

/** How long the upstream says it keeps the connection (`Keep-Alive: timeout=5`), less a second for the way. */
function keepAliveOf(head: ResponseHead, client: ClientConnection): number {
  const { idleTimeoutMs } = client.context.pool;
  for (let line = 0; line < head.lines.count; line++) {
    if (head.lines.kinds[line] !== knownHeader.keepAlive) continue;
    const seconds = /(?:^|[,;\s])timeout=(\d{1,6})/i.exec(head.lines.value(line))?.[1];
    if (seconds !== undefined) return Math.max(0, Number(seconds) * 1000 - 1000);
  }
  return idleTimeoutMs;
}
