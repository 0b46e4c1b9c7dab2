import { Buffer } from 'node:buffer';
import type { Secret } from '../crypto/secret.ts';
import { Admission } from './admission.ts';
import type { AdmissionOutcome, AdmissionRequest } from './admission.ts';
import { ExchangeTrace } from './exchange-trace.ts';
import { freshIdleMs, idempotent, maxDrained, maxHeldBody, maxRepeats, switchedIdleMs } from './exchange-limits.ts';
import { hear } from './hearing.ts';
import type { Heard } from './hearing.ts';
import { sendRequest } from './outgoing-request.ts';
import { recordRequest } from './recorder.ts';
import type { SandboxEntry } from './registry.ts';
import type { RequestSource } from './request-source.ts';
import { refusal } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import { routeOf } from './request-judge.ts';
import { ResponseRelay } from './response-relay.ts';
import type { RelayOutcome, RelayOwner } from './response-relay.ts';
import type { Scrub } from './scrub/scrub.ts';
import type { Destination, Refused } from './target.ts';
import { DialError } from './dial-error.ts';
import type { UpstreamHandler, UpstreamLink } from './upstream-link.ts';
import { BodyReader } from './wire/body.ts';
import type { RequestHead } from './wire/head.ts';
import { WireError } from './wire/wire-error.ts';

/**
 * One request and its answer: who, where to, whether, with which credential; then both ways at once. The steps are
 * those of the contract's "Egress", in its order. Nothing of a request is sent before all of them have passed.
 */
export class Exchange implements UpstreamHandler, AdmissionRequest, AdmissionOutcome, Heard, RelayOwner {
  readonly #client: RequestSource;
  readonly head: RequestHead;
  readonly #body: BodyReader;
  readonly #started = Date.now();
  readonly #admission: Admission;
  readonly #trace = new ExchangeTrace();
  #upstream: UpstreamLink | null = null;
  #relay: ResponseRelay | null = null;
  /** Content that came before there was anywhere to send it. */
  #heldBody: Buffer[] = [];
  #heldBytes = 0;
  #drained = 0;
  /** That was dialled. */
  #address: string | null = null;
  /** Refused: what is still to come of the request is thrown away, then the connection goes on or not. */
  #refused: { keepAlive: boolean } | null = null;
  #repeats = 0;
  #over = false;

  constructor(client: RequestSource, head: RequestHead) {
    this.#client = client;
    this.head = head;
    this.#body = new BodyReader(head.framing, 400);
    this.#admission = new Admission(client.context.registry, this);
  }

  get destination(): Destination | null {
    return this.#client.destination;
  }

  get misdirected(): Refused | null {
    return this.#client.misdirected;
  }

  get scrub(): Scrub | null {
    return this.#admission.scrub;
  }

  get trailers(): Buffer | null {
    return this.#body.trailers;
  }

  get #host(): string {
    return this.#admission.target?.host ?? this.#client.destination?.host ?? '';
  }

  get wantsBody(): boolean {
    return !this.#over && !this.#body.done;
  }

  /** Starts with the bytes that follow the head. Returns the index after the last one that belongs to the request. */
  begin(bytes: Buffer, bodyStart: number): number {
    const end = this.#body.done || bodyStart === bytes.length ? bodyStart : this.takeBody(bytes, bodyStart);
    if (!this.#over) hear(this.#client, this.head, this);
    return end;
  }

  get isOver(): boolean {
    return this.#over;
  }

  judge(entry: SandboxEntry): void {
    this.#admission.judge(entry);
  }

  /** Takes content of the request. Returns the index after the last byte that belongs to it. */
  takeBody(bytes: Buffer, start: number): number {
    const end = this.#body.push(bytes, start, bytes.length);
    if (end instanceof WireError) {
      this.#fail(refusal('bad_request', end.reason, { status: end.status }));
      return bytes.length;
    }
    if (this.#refused !== null) {
      this.#drained += end - start;
      this.#finishRefused();
      return end;
    }
    const { forwardEnd, trailers } = this.#body;
    if (forwardEnd > start) this.#sendBody(bytes.subarray(start, forwardEnd));
    if (this.#body.done && trailers !== null) this.#sendTrailers(trailers);
    if (this.#body.done) this.#relay?.requestSent();
    return end;
  }

  #sendBody(part: Buffer): void {
    if (this.#upstream !== null) {
      this.#touch();
      this.#client.share?.takeBytes(part.length);
      if (!this.#upstream.write(part)) this.#client.pause();
      return;
    }
    this.#heldBody.push(part);
    this.#heldBytes += part.length;
    if (this.#heldBytes > maxHeldBody) this.#client.pause();
  }

  /** Trailers are judged like a head: whoever may not carry a stand-in there ends the request before it is whole. */
  #sendTrailers(trailers: Buffer): void {
    // Where the head has not been judged yet, they are judged with it.
    const refused = this.#admission.judgeTrailers();
    if (refused === null) this.#sendBody(trailers);
    else this.#fail(refused);
  }

  /** Steps 6 and 7: a connection that belongs to this sandbox and host, then the request in one write. */
  admit(values: readonly Secret[]): void {
    const { entry, target } = this.#admission;
    if (this.#over || entry === null || target === null) return;
    this.#trace.valueOpened();
    const { pool } = this.#client.context;
    const upstreamTarget = routeOf(this.#client, entry, target);
    const safe = idempotent.has(this.head.method) && this.head.framing.kind === 'none';
    const pooled = pool.take(upstreamTarget, safe ? pool.idleTimeoutMs : freshIdleMs);
    if (pooled !== null) {
      this.#attach(pooled, values);
      return;
    }
    pool.wait({
      target: upstreamTarget,
      give: (link) => {
        if (this.#over) link.release(pool.idleTimeoutMs);
        else this.#attach(link, values);
      },
      fail: (error) => this.#dialFailed(error),
    });
  }

  #dialFailed(error: unknown): void {
    if (this.#over) return;
    if (!(error instanceof DialError)) {
      this.#client.context.log.error({ err: error }, 'an upstream could not be dialled');
      this.refuse(refusal('upstream_unreachable', `${this.#host} cannot be reached`));
    } else if (error.refused.code === 'host_denied') {
      this.deny(error.refused, 'address guard', error.address);
    } else {
      this.#recordConnection({ matchRule: null, dstIp: error.address, verdict: 'failed' });
      this.refuse(error.refused);
    }
  }

  #attach(link: UpstreamLink, values: readonly Secret[]): void {
    const { entry, target } = this.#admission;
    if (entry === null || target === null) return;
    const body = this.#heldBody.length < 2 ? this.#heldBody[0] : Buffer.concat(this.#heldBody);
    this.#heldBody = [];
    this.#heldBytes = 0;
    this.#upstream = link;
    this.#address = link.address;
    this.#trace.connected(link.facts);
    this.#client.shared.rows.reached(entry, target, link.address);
    link.handler = this;
    this.#relay = new ResponseRelay(this.#client, link, this);
    this.#touch();
    if (this.#body.done) this.#relay.requestSent();
    const sent = sendRequest(link, { head: this.head, admission: this.#admission, target }, { values, body });
    if (sent === true) this.#client.resume();
    else if (sent === false) this.#client.pause();
    else this.#unsent(link, sent, body);
  }

  /** The values changed or cannot be sent: the link goes back as it came. */
  #unsent(link: UpstreamLink, why: Refused | 'wiped', body: Buffer | undefined): void {
    this.#upstream = null;
    this.#relay = null;
    link.release(this.#client.context.pool.idleTimeoutMs);
    if (why !== 'wiped') {
      this.refuse(why.refused);
      return;
    }
    if (body !== undefined) this.#heldBody = [body];
    this.#admission.again();
  }

  onData(chunk: Buffer): void {
    this.#trace.answered();
    this.#touch();
    this.#client.share?.takeBytes(chunk.length);
    this.#relay?.receive(chunk);
  }

  onEnd(): void {
    this.#relay?.upstreamEnded();
  }

  onClose(error: Error | null): void {
    if (this.#over) return;
    if (this.#relay?.switched === true) {
      this.#over = true;
      this.#record(101, null);
      this.#client.close();
      return;
    }
    const begun = this.#relay?.begun === true;
    const connection = this.#upstream;
    this.#upstream = null;
    // RFC 9112 9.3.1: a request on a connection that closed before any answer may be repeated where that is harmless.
    const stale = connection !== null && connection.mayRepeat && !begun && this.#repeats++ < maxRepeats;
    if (stale && idempotent.has(this.head.method) && this.head.framing.kind === 'none') {
      this.#relay = null;
      this.#admission.open();
      return;
    }
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
    this.#fail(refusal('upstream_unreachable', `${this.#host} closed the connection (${reason})`));
  }

  /** After a switch of protocols: the client's bytes, as they come. */
  takeSwitched(bytes: Buffer): void {
    this.#touch();
    if (this.#upstream?.write(bytes) === false) this.#client.pause();
  }

  get switched(): boolean {
    return this.#relay?.switched === true;
  }

  onDrain(): void {
    this.#client.resume();
  }

  clientDrained(): void {
    this.#relay?.clientDrained();
  }

  /** The client sends no more. With content missing there is nothing to wait for. */
  clientEnded(): void {
    if (!this.#body.done) this.#client.destroy();
    else this.#relay?.clientEnded();
  }

  clientClosed(): void {
    if (this.#over) return;
    this.#over = true;
    this.#upstream?.destroy();
    this.#relay?.destroy();
    if (this.#refused !== null) return;
    this.#record(this.#relay?.status ?? 499, this.#relay?.begun === true ? null : 'client_closed_request');
  }

  expire(): void {
    this.#fail(refusal('upstream_timeout', `${this.#host} did not answer in time`));
  }

  #touch(): void {
    const limit = this.#relay?.switched === true ? switchedIdleMs : this.#client.context.firstByteTimeoutMs;
    this.#client.deadline = this.#client.context.connections.now + limit;
  }

  deny(refused: Refusal, matchRule: string | null, dstIp: string | null = null): void {
    this.#recordConnection({ matchRule, dstIp, verdict: 'blocked' });
    this.refuse(refused);
  }

  searchAlso(later: Scrub): void {
    this.#relay?.searchAlso(later);
  }

  /** The rules have changed: what they would not let begin is cut off. */
  reconsider(): void {
    // An address that the guard would not let through was given by the operator, and is not judged.
    const judged = this.#address !== null && this.#client.context.guard(this.#address) ? this.#address : null;
    void this.#admission.reconsider(judged).then((stop) => {
      if (stop === null || this.#over) return;
      const { refused, blockedBy } = stop;
      if (blockedBy !== undefined) {
        this.#recordConnection({ matchRule: blockedBy, dstIp: this.#address, verdict: 'blocked' });
      }
      this.#fail(refused);
    });
  }

  #recordConnection(row: { matchRule: string | null; dstIp: string | null; verdict: 'blocked' | 'failed' }): void {
    const { entry, target } = this.#admission;
    if (entry !== null && target !== null) this.#client.shared.rows.refused(entry, target, row);
  }

  /** Something broke off: answered where no answer has begun, otherwise the client sees a cut connection, as it must. */
  #fail(refused: Refusal): void {
    if (this.#over) return;
    this.#upstream?.destroy();
    this.#relay?.destroy();
    if (this.#refused !== null) {
      // It has its answer: a second one would be taken for that to the next request.
      this.#over = true;
      this.#client.finish(this, { keepAlive: false });
      return;
    }
    if (this.#relay?.begun === true) {
      this.#over = true;
      this.#record(this.#relay.status ?? refused.status, refused.code);
      this.#client.destroy();
      return;
    }
    this.#relay = null;
    this.#answer(refused, { keepAlive: false });
  }

  /** Answered here, before anything was sent. */
  refuse(refused: Refusal): void {
    if (this.#over || this.#refused !== null) return;
    const { framing, expectContinue, keepAlive } = this.head;
    const small = framing.kind !== 'length' || framing.length <= maxDrained;
    this.#answer(refused, { keepAlive: keepAlive && this.head.minorVersion === 1 && small && !expectContinue });
  }

  #answer(refused: Refusal, options: { keepAlive: boolean }): void {
    this.#heldBody = [];
    this.#record(refused.status, refused.code);
    this.#client.refuse(refused, { ...options, head: this.head.method === 'HEAD' });
    this.#refused = options;
    this.#client.deadline = Date.now() + 30_000;
    this.#finishRefused();
  }

  #finishRefused(): void {
    if (this.#refused === null || this.#over) return;
    const keepAlive = this.#refused.keepAlive && this.#drained <= maxDrained;
    if (keepAlive && !this.#body.done) {
      this.#client.resume();
      return;
    }
    this.#over = true;
    this.#client.finish(this, { keepAlive });
  }

  upstreamDone(): void {
    this.#upstream = null;
  }

  relayed(outcome: RelayOutcome): void {
    if (this.#over) return;
    if (outcome.refused !== null) {
      this.#fail(outcome.refused);
      return;
    }
    this.#over = true;
    this.#record(this.#relay?.status ?? 0, null);
    this.#client.finish(this, { keepAlive: outcome.keepAlive && this.head.keepAlive && this.#body.done });
  }

  #record(status: number, errorCode: string | null): void {
    const { entry, target, secretIds, foreign } = this.#admission;
    if (entry === null) return;
    if (errorCode !== null) this.#client.shared.rows.answered(entry, target, errorCode);
    recordRequest(this.#client.context, entry.snapshot, {
      host: this.#host,
      ts: this.#started,
      headLength: this.head.lines.text.length,
      request: {
        method: this.head.method,
        path: target?.path ?? this.head.target,
        status,
        upstreamStatus: this.#relay?.status ?? null,
        latencyMs: Date.now() - this.#started,
        errorCode,
        secretIds,
        foreign,
        details: this.#trace.details(this.#admission, this.#relay),
      },
    });
  }
}
