import { Buffer } from 'node:buffer';
import { ContentAnswer, planContent, showsAsIs } from './content-answer.ts';
import type { ContentOwner } from './content-answer.ts';
import { refusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import type { RequestSource } from './request-source.ts';
import { scrubHead } from './scrub/heads.ts';
import type { BodyPlan } from './scrub/heads.ts';
import type { Scrub } from './scrub/scrub.ts';
import { WebSocketScrubber } from './scrub/websocket-scrubber.ts';
import type { UpstreamLink } from './upstream-link.ts';
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
/** Interim answers to one request, in bytes: they are written at once, whether or not the client reads. */
const maxInterimBytes = 256 * 1024;

/** What came of the answer. `refused`: it could not be passed on, and nothing of it was unless `begun`. */
export interface RelayOutcome {
  keepAlive: boolean;
  refused: Refusal | null;
}

/** Whose request is answered. */
export interface RelayOwner {
  readonly head: RequestHead;
  /** The values that must not be in the answer; null: there are none. */
  readonly scrub: Scrub | null;
  /** The upstream has said everything, and its connection is somebody else's. */
  upstreamDone(): void;
  relayed(outcome: RelayOutcome): void;
}

/** Passes one answer on: interim heads, the head, the content as it comes, and the way back to the pool. */
export class ResponseRelay implements ContentOwner {
  /** Of the final head; null before it. */
  status: number | null = null;
  /** Something of the final answer has been written to the client. */
  begun = false;
  #scrubbedHead = 0;
  readonly #client: RequestSource;
  readonly #upstream: UpstreamLink;
  readonly #owner: RelayOwner;
  readonly #request: RequestHead;
  #held: Buffer | null = null;
  #interimBytes = 0;
  #head: ResponseHead | null = null;
  #body: BodyReader | null = null;
  /** Null where the answer goes through as the bytes that it is. */
  #content: ContentAnswer | null = null;
  #frames: WebSocketScrubber | null = null;
  #requestSent = false;
  /** The client's connection ends with this answer. */
  #closes = false;
  /** The connection speaks another protocol now. */
  switched = false;
  /** Nothing more is read of the upstream. */
  #read = false;
  #over = false;

  constructor(client: RequestSource, upstream: UpstreamLink, owner: RelayOwner) {
    this.#client = client;
    this.#upstream = upstream;
    this.#owner = owner;
    this.#request = owner.head;
  }

  /** How often a real value was taken out of the answer; null: never. */
  get scrubbed(): readonly [head: number, body: number] | null {
    const body = this.#content?.replaced ?? 0;
    return this.#scrubbedHead === 0 && body === 0 ? null : [this.#scrubbedHead, body];
  }

  /** Values that were not known when the answer began are looked for in the rest of it, where any are. */
  searchAlso(later: Scrub): void {
    this.#content?.searchAlso(later);
    this.#frames?.searchAlso(later);
  }

  /** The request is on its way whole: only then may its connection carry another. */
  requestSent(): void {
    this.#requestSent = true;
  }

  /** Bytes from the upstream, lent for the time of the call. */
  receive(chunk: Buffer): void {
    if (this.#read) return;
    if (this.switched) {
      this.#writeSwitched(chunk);
      return;
    }
    if (this.#body !== null) {
      this.#receiveBody(this.#body, chunk);
      return;
    }
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = null;
    this.#receiveHead(bytes);
  }

  #receiveHead(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const end = findHeadEnd(bytes, at);
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
      this.#interimBytes += end - at;
      if (this.#interimBytes > maxInterimBytes) {
        this.#break('interim answers over 256 KiB (RFC 9110 section 15.2)');
        return;
      }
      at = end;
      const clean = this.#clean(head);
      if (clean === null) return;
      // RFC 9110 15.2: "A server MUST NOT send a 1xx response to an HTTP/1.0 client."
      if (this.#request.minorVersion === 1) this.#client.interim(clean);
    }
  }

  #beginFinal(head: ResponseHead, bytes: Buffer, place: { start: number; end: number }): void {
    if (head.status === 101) {
      this.#switch(head, bytes.subarray(place.end));
      return;
    }
    // RFC 8441 5: to a client of HTTP/2 any 2xx would say that the WebSocket is open.
    if (this.#request.upgrade !== null && !this.#client.passesBytes && head.status >= 200 && head.status < 300) {
      this.#break('an answer to a WebSocket handshake that is neither a switch nor an error (RFC 6455 section 4.2.2)');
      return;
    }
    const { givesChunks } = this.#upstream;
    if (head.framing.kind === 'chunked' && this.#request.minorVersion === 0 && !givesChunks) {
      this.#break('a chunked answer to an HTTP/1.0 request (RFC 9112 section 6.1)');
      return;
    }
    this.#head = head;
    // RFC 9112 9.6: who will not read a request to its end says so, lest the rest be taken for another.
    this.#closes = head.framing.kind === 'close' || !this.#request.keepAlive || !this.#requestSent;
    const { scrub } = this.#owner;
    let plan: BodyPlan | null = null;
    if (scrub !== null) {
      const planned = planContent(scrub, head);
      if (typeof planned === 'string') {
        this.#refuse(refusal('response_unreadable', `the answer has ${planned}`));
        return;
      }
      plan = planned;
    }
    // Behind chunks trailers may follow, whatever the head says.
    const isClean = scrub === null || (!givesChunks && isCleanWhole(scrub, { head, bytes, place, plan }));
    if (isClean && this.#client.passesBytes && this.#isFramedAsSaid(head)) this.#beginBytes(head, bytes, place);
    else this.#beginContent(head, bytes, { end: place.end, plan: isClean ? null : plan });
  }

  /** Whether its bytes are what its head says, to a client of HTTP/1.1 or 1.0. */
  #isFramedAsSaid({ framing }: ResponseHead): boolean {
    if (!this.#upstream.givesChunks) return true;
    return framing.kind === 'chunked' && this.#request.minorVersion === 1;
  }

  /** The answer goes through as the bytes that it is, but for what in its head is not the client's. */
  #beginBytes(head: ResponseHead, bytes: Buffer, place: { start: number; end: number }): void {
    const body = new BodyReader(head.framing, 502);
    this.#body = body;
    const end = body.push(bytes, place.end, bytes.length);
    if (end instanceof WireError) {
      this.#break(end.reason);
      return;
    }
    this.status = head.status;
    this.begun = true;
    if (!this.#closes && goesOnUnchanged(head)) {
      const whole = place.start === 0 && body.forwardEnd === bytes.length;
      this.#write(whole ? bytes : bytes.subarray(place.start, body.forwardEnd));
    } else {
      const ready = bytes.subarray(place.end, body.forwardEnd);
      const lines = this.#closes ? closeLine : [];
      if (ready.length <= maxJoined) {
        this.#write(buildResponseHead(head, { lines, body: ready }));
      } else {
        this.#write(buildResponseHead(head, { lines }));
        this.#write(ready);
      }
    }
    this.#afterBody(body, end < bytes.length);
  }

  /** The answer is framed anew, for a client of another protocol or because values are looked for in it. `plan` null: they are not. */
  #beginContent(head: ResponseHead, bytes: Buffer, { end, plan }: { end: number; plan: BodyPlan | null }): void {
    const { scrub } = this.#owner;
    const clean = plan === null ? head : this.#clean(head);
    if (clean === null) return;
    const { givesChunks } = this.#upstream;
    const content = new ContentAnswer(
      { writer: this.#client.answer(), owner: this },
      { head: clean, ends: !givesChunks, trailsInChunks: this.#client.passesBytes && this.#request.minorVersion === 1 },
      scrub === null || plan === null ? null : { scrub, plan },
    );
    this.#content = content;
    const body = new BodyReader(givesChunks ? { kind: 'chunked' } : head.framing, 502, (part) => {
      if (!content.push(part)) this.#upstream.pause();
    });
    this.#body = body;
    this.status = head.status;
    this.begun = true;
    // RFC 9112 6.3: where a client of HTTP/1.0 is not told the length, only the end of its connection ends the content.
    if (content.length === 'open' && this.#request.minorVersion === 0) this.#closes = true;
    content.head(clean, this.#closes);
    if (end < bytes.length || body.done) this.#receiveBody(body, bytes.subarray(end));
  }

  #receiveBody(body: BodyReader, chunk: Buffer): void {
    const end = body.push(chunk, 0, chunk.length);
    if (end instanceof WireError) {
      this.#break(end.reason);
      return;
    }
    if (this.#content === null && body.forwardEnd > 0) this.#write(chunk.subarray(0, body.forwardEnd));
    this.#afterBody(body, end < chunk.length);
  }

  /** `surplus`: bytes after the end of the answer, which nobody asked for. */
  #afterBody(body: BodyReader, surplus: boolean): void {
    if (!body.done) return;
    if (this.#content === null && body.trailers !== null) this.#write(body.trailers);
    this.#complete(surplus);
  }

  #complete(surplus: boolean): void {
    if (this.#read) return;
    this.#read = true;
    const head = this.#head;
    if (head?.keepAlive === true && this.#requestSent && !surplus)
      this.#upstream.release(keepAliveOf(head, this.#client));
    else this.#upstream.destroy();
    this.#owner.upstreamDone();
    if (this.#content === null) this.contentEnded();
    else this.#content.end(this.#body?.trailers ?? null);
  }

  contentEnded(): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.relayed({ keepAlive: !this.#closes, refused: null });
  }

  contentDrained(): void {
    if (!this.#read) this.#upstream.resume();
  }

  contentBroken(reason: string): void {
    this.#break(reason);
  }

  /** The client takes more. */
  clientDrained(): void {
    if (this.#content === null) this.contentDrained();
    else this.#content.resume();
  }

  /** A head without the values; null: broken, since without them it would say something else. */
  #clean(head: ResponseHead): ResponseHead | null {
    const { scrub } = this.#owner;
    if (scrub === null) return head;
    const { bytes, base, text } = head.lines;
    if (scrub.isClean(bytes, base, base + text.length)) return head;
    const clean = scrubHead(scrub, bytes.subarray(base, base + text.length));
    if (clean === null) {
      this.#break('a credential that goes on from line to line of the head');
      return null;
    }
    this.#scrubbedHead += 1;
    const parsed = parseResponseHead(clean, 0, { end: clean.length, method: this.#request.method });
    if (!(parsed instanceof WireError) && parsed.framing.kind === head.framing.kind) return parsed;
    this.#break('a credential where the head says how the answer is framed');
    return null;
  }

  /** RFC 9110 7.8: from here on both sides speak something else, which passes untouched but for the values. */
  #switch(head: ResponseHead, rest: Buffer): void {
    if (this.#request.upgrade === null || head.upgrade !== this.#request.upgrade) {
      this.#break('a switch of protocols that was not asked for (RFC 9110 section 15.2.2)');
      return;
    }
    const clean = this.#clean(head);
    if (clean === null) return;
    const { scrub } = this.#owner;
    if (scrub !== null) {
      // None was offered. An extension changes what frames hold.
      if (head.lines.kinds.includes(knownHeader.webSocketExtensions)) {
        this.#break('a WebSocket extension that was not asked for (RFC 6455 section 4.1)');
        return;
      }
      this.#frames = new WebSocketScrubber(scrub);
    }
    this.status = 101;
    this.begun = true;
    this.switched = true;
    this.#client.interim(clean);
    if (rest.length > 0) this.#writeSwitched(rest);
    this.#client.goOn();
  }

  #writeSwitched(bytes: Buffer): void {
    const passed = this.#frames === null ? bytes : this.#frames.push(bytes);
    if (passed instanceof WireError) this.#upstream.cut();
    else if (passed.length > 0) this.#write(passed);
  }

  upstreamEnded(): void {
    if (this.#read) return;
    if (this.switched) {
      this.#client.endWriting();
    } else if (this.#head?.framing.kind === 'close') {
      this.#complete(true);
    } else {
      this.#upstream.cut();
    }
  }

  clientEnded(): void {
    if (this.switched) this.#upstream.end();
  }

  /** Nobody wants the rest. */
  destroy(): void {
    this.#over = true;
    this.#read = true;
    this.#content?.destroy();
    this.#frames?.destroy();
  }

  #break(reason: string): void {
    this.#refuse(refusal('upstream_protocol_error', `the upstream's answer is not valid HTTP: ${reason}`));
  }

  #refuse(refused: Refusal): void {
    if (this.#over) return;
    this.destroy();
    this.#owner.relayed({ keepAlive: false, refused });
  }

  #write(bytes: Buffer): void {
    if (!this.#client.write(bytes)) this.#upstream.pause();
  }
}

/** Whether all of an answer is at hand, as it is meant to be read, without the values. */
function isCleanWhole(
  scrub: Scrub,
  answer: { head: ResponseHead; bytes: Buffer; place: { start: number; end: number }; plan: BodyPlan | null },
): boolean {
  const { head, bytes, place, plan } = answer;
  const { framing } = head;
  if (framing.kind === 'none') return scrub.isClean(bytes, place.start, place.end);
  if (framing.kind !== 'length' || plan === null || !showsAsIs(head, plan)) return false;
  const end = place.end + framing.length;
  return end <= bytes.length && scrub.isClean(bytes, place.start, end);
}

/** How long the upstream says it keeps the connection (`Keep-Alive: timeout=5`), less a second for the way. */
function keepAliveOf(head: ResponseHead, client: RequestSource): number {
  const { idleTimeoutMs } = client.context.pool;
  for (let line = 0; line < head.lines.count; line++) {
    if (head.lines.kinds[line] !== knownHeader.keepAlive) continue;
    const seconds = /(?:^|[,;\s])timeout=(\d{1,6})/i.exec(head.lines.value(line))?.[1];
    if (seconds !== undefined) return Math.max(0, Number(seconds) * 1000 - 1000);
  }
  return idleTimeoutMs;
}
