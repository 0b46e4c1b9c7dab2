import { exposeSecret } from '../crypto/secret.ts';
import type { Secret } from '../crypto/secret.ts';
import type { ClientConnection } from './client-connection.ts';
import { buildRequestHead } from './inject-head.ts';
import type { Swap } from './inject-slots.ts';
import { judgeCredentials, scanTrailers } from './inject.ts';
import { recordConnection, recordRequest } from './recorder.ts';
import type { SandboxEntry } from './registry.ts';
import { refusal, refusalResponse } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import { ResponseRelay } from './response-relay.ts';
import { resolveRequest } from './target.ts';
import type { Target } from './target.ts';
import { DialError } from './upstream.ts';
import type { UpstreamConnection, UpstreamHandler, UpstreamTarget } from './upstream.ts';
import { BodyReader } from './wire/body.ts';
import type { RequestHead } from './wire/head.ts';
import { WireError } from './wire/wire-error.ts';

/** RFC 9110 9.2.2: what may be sent a second time without asking. */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** A request that must not be sent twice only takes a connection that was in use this recently. */
const freshIdleMs = 5_000;
/** A WebSocket may say nothing for this long. */
const switchedIdleMs = 4 * 3_600_000;
/** Content held while the upstream is being dialled. */
const maxHeldBody = 256 * 1024;
/** How often a request is judged again when its secret changes under it. */
const maxAttempts = 3;
/** A refused request's content is read to its end up to this size, so that the connection can go on. */
const maxDrained = 256 * 1024;

/**
 * One request and its answer: who, where to, whether, with which credential; then both ways at once. The steps are
 * those of the contract's "Egress", in its order. Nothing of a request is sent before all of them have passed.
 */
export class Exchange implements UpstreamHandler {
  readonly #client: ClientConnection;
  readonly #head: RequestHead;
  readonly #body: BodyReader;
  readonly #started = Date.now();
  #entry: SandboxEntry | null = null;
  #target: Target | null = null;
  #swaps: readonly Swap[] = [];
  #upstream: UpstreamConnection | null = null;
  #relay: ResponseRelay | null = null;
  /** Content that came before there was anywhere to send it. */
  #heldBody: Buffer[] = [];
  #heldBytes = 0;
  #sent = false;
  #drained = 0;
  /** Refused: what is still to come of the request is thrown away, then the connection goes on or not. */
  #refused: { keepAlive: boolean } | null = null;
  #over = false;
  #secretIds: string[] = [];
  #foreign: string[] = [];
  #attempts = 0;

  constructor(client: ClientConnection, head: RequestHead) {
    this.#client = client;
    this.#head = head;
    this.#body = new BodyReader(head.framing, 400);
  }

  get wantsBody(): boolean {
    return !this.#over && !this.#body.done;
  }

  /** Starts with the bytes that follow the head. Returns the index after the last one that belongs to the request. */
  begin(bytes: Buffer, bodyStart: number): number {
    const end = this.#body.done || bodyStart === bytes.length ? bodyStart : this.takeBody(bytes, bodyStart);
    if (this.#over) return end;
    if (!this.#client.context.control.accepting) {
      this.#refuse(
        refusal('audit_unavailable', 'the audit trail cannot be written; nothing is let through until it can'),
      );
      return end;
    }
    this.#client.identify(this.#head, (sandboxId, entry) => {
      if (typeof sandboxId === 'string') this.#judge(entry);
      else this.#refuse(sandboxId);
    });
    return end;
  }

  /** Takes content of the request. Returns the index after the last byte that belongs to it. */
  takeBody(bytes: Buffer, start: number): number {
    const end = this.#body.push(bytes, start, bytes.length);
    if (end instanceof WireError) {
      this.#fail(refusal('bad_request', end.reason, end.status));
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
    if (this.#sent && this.#upstream !== null) {
      this.#touch();
      if (!this.#upstream.socket.write(part)) this.#client.socket.pause();
      return;
    }
    this.#heldBody.push(part);
    this.#heldBytes += part.length;
    if (this.#heldBytes > maxHeldBody) this.#client.socket.pause();
  }

  /** Trailers are judged like a head: whoever may not carry a stand-in there ends the request before it is whole. */
  #sendTrailers(trailers: Buffer): void {
    if (this.#entry === null || this.#target === null) {
      // The head has not been judged yet: `#judge` looks at them in its turn.
      this.#sendBody(trailers);
      return;
    }
    if (this.#refuseTrailers(this.#entry, this.#target.host)) return;
    this.#sendBody(trailers);
  }

  #refuseTrailers(entry: SandboxEntry, host: string): boolean {
    const { trailers } = this.#body;
    const found = trailers === null ? null : scanTrailers(entry.rules, { trailers, host });
    if (found === null) return false;
    this.#secretIds.push(...found.bindings.map((each) => each.secretId));
    this.#foreign.push(...found.foreign);
    this.#fail(found.refused);
    return true;
  }

  /** Steps 1 to 4: sandbox, network rules, stand-ins. */
  #judge(entry: SandboxEntry): void {
    if (this.#over) return;
    this.#entry = entry;
    const { misdirected, destination } = this.#client;
    const target = misdirected ?? resolveRequest(destination, this.#head);
    if ('refused' in target) {
      this.#refuse(target.refused);
      return;
    }
    this.#target = target;
    const { verdict, rule } = entry.rules.network.judgeHost(target.host);
    if (verdict === 'deny') {
      this.#deny({ matchRule: rule, dstIp: null });
      return;
    }
    const judged = judgeCredentials(entry.rules, { head: this.#head, target, cleartextAllowed: false });
    if (judged.kind === 'refuse') {
      this.#secretIds = judged.bindings.map((each) => each.secretId);
      this.#foreign = judged.foreign;
      this.#refuse(judged.refused);
      return;
    }
    if (this.#refuseTrailers(entry, target.host)) return;
    if (judged.kind === 'pass') {
      this.#connect(new Map());
      return;
    }
    this.#swaps = judged.swaps;
    this.#secretIds = [...new Set(judged.swaps.map((each) => each.binding.secretId))];
    this.#openValues(entry, judged.swaps);
  }

  /** Step 5: the values, out of what this worker holds or from the control plane. */
  #openValues(entry: SandboxEntry, swaps: readonly Swap[]): void {
    const { registry } = this.#client.context;
    const values = new Map<string, Secret>();
    for (const { binding } of swaps) {
      const held = registry.value(entry, binding);
      if (held === undefined) {
        this.#loadValues(entry, swaps).catch(() => this.#refuse(vaultSilent()));
        return;
      }
      values.set(binding.id, held);
    }
    this.#connect(values);
  }

  async #loadValues(entry: SandboxEntry, swaps: readonly Swap[]): Promise<void> {
    const { registry } = this.#client.context;
    const values = new Map<string, Secret>();
    for (const { binding } of swaps) {
      const value = registry.value(entry, binding) ?? (await registry.loadValue(entry, binding));
      if (value === null) {
        const revoked = refusal('credential_revoked', `${binding.envKey}: its secret was revoked`);
        await this.#judgeAgain(entry, revoked, { stale: true });
        return;
      }
      values.set(binding.id, value);
    }
    if (!this.#over) this.#connect(values);
  }

  /**
   * The secret changed, or its value was wiped, after the rules were read: everything is judged anew, a few times at
   * most. `stale`: the rules that this worker holds are the ones that were wrong.
   */
  async #judgeAgain(entry: SandboxEntry, otherwise: Refusal, options: { stale: boolean }): Promise<void> {
    const { registry } = this.#client.context;
    const { id } = entry.snapshot;
    if (this.#attempts < maxAttempts) {
      this.#attempts += 1;
      if (options.stale && registry.get(id) === entry) registry.forget([id]);
      const fresh = registry.get(id) ?? (await registry.load(id));
      if (fresh !== null && fresh.snapshot.deleted !== true) {
        this.#judge(fresh);
        return;
      }
    }
    this.#refuse(otherwise);
  }

  /** Steps 6 and 7: a connection that belongs to this sandbox and host, then the request in one write. */
  #connect(values: Map<string, Secret>): void {
    const [entry, target] = [this.#entry, this.#target];
    if (this.#over || entry === null || target === null) return;
    const { pool, guard } = this.#client.context;
    const { network } = entry.rules;
    const asked = network.judgeHost(target.host);
    const upstreamTarget: UpstreamTarget = {
      sandboxId: entry.snapshot.id,
      host: target.host,
      port: target.port,
      tls: target.scheme === 'https',
      judgeAddress: (address) => {
        const verdict = asked.verdict === 'ask-address' ? network.judgeAddress(address) : asked;
        if (verdict.verdict === 'deny')
          return refusal('host_denied', `${target.host} is at an address that this sandbox's rules deny`);
        if (guard(address)) return null;
        return refusal('host_denied', `${target.host} is at an address that is not public (${address})`);
      },
    };
    const safe = idempotent.has(this.#head.method) && this.#head.framing.kind === 'none';
    const pooled = pool.take(upstreamTarget, safe ? pool.idleTimeoutMs : freshIdleMs);
    if (pooled !== null) {
      this.#attach(pooled, values);
      return;
    }
    pool.dial(upstreamTarget).then(
      (connection) => {
        if (this.#over) connection.release(pool.idleTimeoutMs);
        else this.#attach(connection, values);
      },
      (error: unknown) => this.#dialFailed(error),
    );
  }

  #dialFailed(error: unknown): void {
    const [entry, target] = [this.#entry, this.#target];
    if (entry === null || target === null || this.#over) return;
    if (!(error instanceof DialError)) {
      this.#client.context.log.error({ err: error }, 'an upstream could not be dialled');
      this.#refuse(refusal('upstream_unreachable', `${target.host} cannot be reached`));
      return;
    }
    if (error.refused.code === 'host_denied') {
      this.#deny({ matchRule: 'address guard', dstIp: error.address, refused: error.refused });
      return;
    }
    recordConnection(this.#client.context, entry.snapshot, {
      host: target.host,
      dstIp: error.address,
      dstPort: target.port,
      verdict: 'failed',
      matchRule: null,
    });
    this.#refuse(error.refused);
  }

  #attach(connection: UpstreamConnection, values: Map<string, Secret>): void {
    const target = this.#target;
    if (target === null) return;
    const body = this.#heldBody.length === 1 ? this.#heldBody[0] : Buffer.concat(this.#heldBody);
    const bytes = this.#requestBytes(target, { values, body });
    if (bytes === null) {
      connection.release(this.#client.context.pool.idleTimeoutMs);
      return;
    }
    this.#heldBody = [];
    this.#heldBytes = 0;
    this.#upstream = connection;
    this.#client.dialledAddress = connection.address;
    connection.handler = this;
    this.#relay = new ResponseRelay({
      client: this.#client,
      upstream: connection,
      request: this.#head,
      done: (outcome) => this.#finish(outcome),
    });
    this.#sent = true;
    this.#touch();
    if (this.#body.done) this.#relay.requestSent();
    if (connection.socket.write(bytes)) this.#client.socket.resume();
    else this.#client.socket.pause();
  }

  /** The request's head with the real values, and what is at hand of its content; null: refused. */
  #requestBytes(target: Target, input: { values: Map<string, Secret>; body: Buffer | undefined }): Buffer | null {
    const values = new Map<string, Buffer>();
    try {
      for (const [id, secret] of input.values) values.set(id, exposeSecret(secret));
    } catch {
      // Wiped while the upstream was dialled: revoked, rotated or out of time. Never the old value.
      const entry = this.#entry;
      const refused = vaultSilent();
      if (entry !== null) this.#judgeAgain(entry, refused, { stale: false }).catch(() => this.#refuse(refused));
      return null;
    }
    const built = buildRequestHead(this.#head, {
      path: target.path,
      swaps: this.#swaps,
      values,
      ...(input.body === undefined || input.body.length === 0 ? {} : { body: input.body }),
    });
    if (Buffer.isBuffer(built)) return built;
    this.#refuse(built.refused);
    return null;
  }

  onData(chunk: Buffer): void {
    this.#touch();
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
    const stale = connection !== null && connection.served > 0 && !begun;
    const entry = this.#entry;
    if (stale && entry !== null && idempotent.has(this.#head.method) && this.#head.framing.kind === 'none') {
      this.#relay = null;
      this.#sent = false;
      this.#openValues(entry, this.#swaps);
      return;
    }
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
    this.#fail(
      refusal('upstream_unreachable', `${this.#target?.host ?? 'the upstream'} closed the connection (${reason})`),
    );
  }

  /** After a switch of protocols: the client's bytes, as they come. */
  takeSwitched(bytes: Buffer): void {
    this.#touch();
    if (this.#upstream?.socket.write(bytes) === false) this.#client.socket.pause();
  }

  get switched(): boolean {
    return this.#relay?.switched === true;
  }

  onDrain(): void {
    this.#client.socket.resume();
  }

  clientDrained(): void {
    this.#upstream?.socket.resume();
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
    this.#record(this.#relay?.status ?? 499, this.#relay?.begun === true ? null : 'client_closed_request');
  }

  expire(): void {
    this.#fail(refusal('upstream_timeout', `${this.#target?.host ?? 'the upstream'} did not answer in time`));
  }

  #touch(): void {
    const limit = this.#relay?.switched === true ? switchedIdleMs : this.#client.context.firstByteTimeoutMs;
    this.#client.deadline = Date.now() + limit;
  }

  #deny(row: { matchRule: string | null; dstIp: string | null; refused?: Refusal }): void {
    const [entry, target] = [this.#entry, this.#target];
    if (entry === null || target === null) return;
    recordConnection(this.#client.context, entry.snapshot, {
      host: target.host,
      dstIp: row.dstIp,
      dstPort: target.port,
      verdict: 'blocked',
      matchRule: row.matchRule,
    });
    this.#refuse(
      row.refused ?? refusal('host_denied', `${target.host} is not allowed by this sandbox's network rules`),
    );
  }

  /** Something broke off: answered where no answer has begun, otherwise the client sees a cut connection, as it must. */
  #fail(refused: Refusal): void {
    if (this.#over) return;
    this.#upstream?.destroy();
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
  #refuse(refused: Refusal): void {
    if (this.#over || this.#refused !== null) return;
    const { framing, expectContinue, keepAlive } = this.#head;
    const small = framing.kind !== 'length' || framing.length <= maxDrained;
    this.#answer(refused, { keepAlive: keepAlive && this.#head.minorVersion === 1 && small && !expectContinue });
  }

  #answer(refused: Refusal, options: { keepAlive: boolean }): void {
    this.#heldBody = [];
    this.#record(refused.status, refused.code);
    this.#client.write(refusalResponse(refused, { ...options, head: this.#head.method === 'HEAD' }), { lent: false });
    this.#refused = options;
    this.#client.deadline = Date.now() + 30_000;
    this.#finishRefused();
  }

  #finishRefused(): void {
    if (this.#refused === null || this.#over) return;
    const keepAlive = this.#refused.keepAlive && this.#drained <= maxDrained;
    if (keepAlive && !this.#body.done) {
      this.#client.socket.resume();
      return;
    }
    this.#over = true;
    this.#client.finish(this, { keepAlive });
  }

  #finish(outcome: { keepAlive: boolean; refused: Refusal | null }): void {
    if (this.#over) return;
    if (outcome.refused !== null) {
      this.#fail(outcome.refused);
      return;
    }
    this.#over = true;
    this.#upstream = null;
    this.#record(this.#relay?.status ?? 0, null);
    this.#client.finish(this, { keepAlive: outcome.keepAlive && this.#head.keepAlive && this.#body.done });
  }

  #record(status: number, errorCode: string | null): void {
    const entry = this.#entry;
    if (entry === null) return;
    const { path, host } = this.#target ?? { path: this.#head.target, host: this.#client.destination?.host ?? '' };
    const query = path.indexOf('?');
    recordRequest(this.#client.context, entry.snapshot, {
      host,
      ts: this.#started,
      method: this.#head.method,
      path: query === -1 ? path : path.slice(0, query),
      status,
      upstreamStatus: this.#relay?.status ?? null,
      latencyMs: Date.now() - this.#started,
      errorCode,
      secretIds: this.#secretIds,
      foreign: this.#foreign,
    });
  }
}

function vaultSilent(): Refusal {
  return refusal('vault_unavailable', 'the vault does not answer; the request was not sent');
}
