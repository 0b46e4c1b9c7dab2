import { Buffer } from 'node:buffer';
import { BodyReader } from '../../src/egress/wire/body.ts';
import { findHeadEnd } from '../../src/egress/wire/head-end.ts';
import type { RequestHead, ResponseHead } from '../../src/egress/wire/head.ts';
import { parseRequestHead } from '../../src/egress/wire/http1-request.ts';
import { parseResponseHead } from '../../src/egress/wire/http1-response.ts';
import { WireError } from '../../src/egress/wire/wire-error.ts';
import { parseAuthority } from '../../src/net/hostname.ts';
import type { FuzzCase } from './fuzz-case.ts';

/** One message as the proxy reads it. Offsets count from the connection's first byte. */
export interface OurMessage {
  readonly head: RequestHead | ResponseHead;
  readonly start: number;
  readonly bodyStart: number;
  /** What goes on of its content as it is, latin1: everything but the trailers. */
  forwarded: string;
  /** Its content without its framing, as `BodyReader` hands it to who searches it, latin1. */
  content: string;
  trailers: Buffer | null;
  /** After its last byte, or after the last that was read of it. */
  end: number;
  complete: boolean;
}

/**
 * `open`: what has come so far is good, and more may come. `closed`: the connection ends after its last message.
 * `switched`: what follows is another protocol. `refused`: 400 or 502, and the connection is closed.
 */
export interface OurReading {
  messages: OurMessage[];
  state: 'open' | 'closed' | 'switched' | 'refused';
  refused: WireError | null;
  /** Bytes of a head that has no end yet, or of trailers that are withheld. */
  waiting: boolean;
}

/** Reads a connection as `ClientConnection` and `ResponseRelay` do, split at `ends` (the last one is its length). */
export function readOurs(fuzzed: FuzzCase, ends: readonly number[]): OurReading {
  const connection = new Connection(fuzzed);
  let start = 0;
  for (const end of ends) {
    // A copy in a buffer of its own: reading past it would show.
    connection.receive(Buffer.from(fuzzed.bytes.subarray(start, end)), end);
    start = end;
  }
  connection.end();
  return connection.reading;
}

class Connection {
  readonly reading: OurReading = { messages: [], state: 'open', refused: null, waiting: false };
  readonly #side: FuzzCase['side'];
  readonly #methods: readonly string[];
  #answered = 0;
  #held: Buffer | null = null;
  #message: OurMessage | null = null;
  #body: BodyReader | null = null;

  constructor({ side, methods }: FuzzCase) {
    this.#side = side;
    this.#methods = methods;
  }

  /** `end`: how much has come of the connection with this chunk. */
  receive(chunk: Buffer, end: number): void {
    if (this.reading.state !== 'open') return;
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = null;
    const base = end - bytes.length;
    let at = 0;
    while (at < bytes.length && this.reading.state === 'open') {
      const after = this.#body === null ? this.#readHead(bytes, at, base) : this.#readBody(bytes, at, base);
      if (after === -1) {
        this.#held = at === 0 ? bytes : bytes.subarray(at);
        this.reading.waiting = true;
        return;
      }
      at = after;
    }
  }

  /** The peer has closed. */
  end(): void {
    const message = this.#message;
    if (this.reading.state !== 'open' || message === null) return;
    if (message.head.framing.kind !== 'close') return;
    message.complete = true;
    this.reading.state = 'closed';
  }

  #readHead(bytes: Buffer, at: number, base: number): number {
    const end = findHeadEnd(bytes, at);
    if (end instanceof WireError) return this.#refuse(end, bytes.length);
    if (end === -1) return -1;
    const method = this.#methods[this.#answered] ?? 'GET';
    const head =
      this.#side === 'request' ? parseRequestHead(bytes, at, end) : parseResponseHead(bytes, at, { end, method });
    if (head instanceof WireError) return this.#refuse(head, bytes.length);
    if ('status' in head && head.status === 101 && head.upgrade !== 'websocket') {
      // `ResponseRelay`: a switch that was not asked for. Here every request asked for `websocket`.
      return this.#refuse(new WireError(502, 'a switch of protocols that was not asked for'), bytes.length);
    }
    if ('method' in head && head.targetForm === 'authority') {
      // `ClientConnection`: what a tunnel is asked for must be host:port, and the same as Host.
      const authority = parseAuthority(head.target, 0);
      const named = head.host === null ? authority : parseAuthority(head.host, authority?.port ?? 0);
      if (authority === null || named?.host !== authority.host || named.port !== authority.port) {
        return this.#refuse(new WireError(400, 'CONNECT to another name than Host'), bytes.length);
      }
    }
    const message: OurMessage = {
      head,
      start: base + at,
      bodyStart: base + end,
      forwarded: '',
      content: '',
      trailers: null,
      end: base + end,
      complete: false,
    };
    this.#message = message;
    this.reading.messages.push(message);
    this.reading.waiting = false;
    if (this.#side === 'response' && !isInterim(head)) this.#answered++;
    this.#body = new BodyReader(head.framing, this.#side === 'request' ? 400 : 502, (part) => {
      message.content += part.toString('latin1');
    });
    if (this.#body.done) this.#complete(message);
    return end;
  }

  #readBody(bytes: Buffer, at: number, base: number): number {
    const body = this.#body;
    const message = this.#message;
    if (body === null || message === null) throw new Error('no message is being read');
    const end = body.push(bytes, at, bytes.length);
    if (end instanceof WireError) return this.#refuse(end, bytes.length);
    message.forwarded += bytes.toString('latin1', at, body.forwardEnd);
    message.end = base + end;
    this.reading.waiting = !body.done && body.forwardEnd < end;
    if (body.done) {
      message.trailers = body.trailers;
      this.#complete(message);
    }
    return end;
  }

  #complete(message: OurMessage): void {
    message.complete = true;
    this.#message = null;
    this.#body = null;
    const { head } = message;
    if (endsInSwitch(head)) this.reading.state = 'switched';
    else if (!head.keepAlive && !isInterim(head)) this.reading.state = 'closed';
  }

  #refuse({ status, reason }: WireError, length: number): number {
    this.reading.state = 'refused';
    this.reading.refused = new WireError(this.#side === 'request' ? status : 502, reason);
    return length;
  }
}

/** Whether what follows a head that has no content is another protocol. */
export function endsInSwitch(head: RequestHead | ResponseHead): boolean {
  if ('status' in head) return head.status === 101;
  return head.targetForm === 'authority' || head.upgrade !== null;
}

export function isInterim(head: RequestHead | ResponseHead): boolean {
  return 'status' in head && head.interim;
}
