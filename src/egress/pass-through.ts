import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { EgressContext, TrackedConnection } from './context.ts';
import { endWith } from './last-words.ts';
import { recordConnection } from './recorder.ts';
import type { SandboxEntry } from './registry.ts';
import { upstreamTargetOf } from './request-judge.ts';
import type { Destination } from './target.ts';
import { tlsAlert } from './tls/alert.ts';
import { UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamHandler, UpstreamLink } from './upstream-link.ts';
import { TurnReader } from './turn-reader.ts';
import { DialError } from './dial-error.ts';
import type { UpstreamTarget } from './upstream.ts';

/** As long as a WebSocket may say nothing. */
const idleLimitMs = 4 * 3_600_000;
/** One side has ended: the other has this long to say its next word. */
const halfClosedLimitMs = 120_000;
/** Rules that a worker holds are at most this old (`SandboxRegistry`): so are those that a tunnel stands by. */
const rulesLimitMs = 30_000;
const retryMs = 1_000;
/** A draining worker ends tunnels that have said nothing for this long. */
const drainIdleMs = 2_000;
const lingerMs = 2_000;

export interface Passage {
  readonly entry: SandboxEntry;
  readonly destination: Destination;
  /** Why its TLS is not opened: `tunnel_out: *.example.com` or `intercept: bound`. */
  readonly rule: string;
}

/**
 * TLS that goes through unopened, both ways, to the host whose name the client gave. The rules of its sandbox are asked
 * before any name is looked up, and again whenever they change; as soon as they do not allow it, or want it opened, it
 * ends. One row, when it is over.
 */
export class PassThrough implements UpstreamHandler, TrackedConnection {
  readonly sandboxId: string;
  place = -1;
  deadline = Number.POSITIVE_INFINITY;
  readonly #context: EgressContext;
  readonly #client: Socket;
  readonly #destination: Destination;
  readonly #rule: string;
  readonly #reading: TurnReader;
  #entry: SandboxEntry;
  #upstream: UpstreamLink | null = null;
  /** What was dialled. */
  #address: string | null = null;
  /** The address was judged, and not the operator's own word (`STANDIN_EGRESS_CONNECT_TO`). */
  #addressJudged = false;
  #sent = 0;
  #received = 0;
  /** Times of the last bytes, and of the last look at the rules. */
  #moved = Date.now();
  #confirmed = Date.now();
  #halfClosed = false;
  #over = false;

  /** `socket` is paused; what the client has sent so far comes first from it. */
  static start(context: EgressContext, socket: Socket, passage: Passage): void {
    new PassThrough(context, socket, passage).#begin();
  }

  private constructor(context: EgressContext, client: Socket, { entry, destination, rule }: Passage) {
    this.#context = context;
    this.#client = client;
    this.#entry = entry;
    this.#destination = destination;
    this.#rule = rule;
    this.sandboxId = entry.snapshot.id;
    const share = context.turns.holdOpen(this.sandboxId, client);
    // Not lent: the upstream's socket may queue it as it is.
    this.#reading = new TurnReader(client, share, { take: (bytes) => this.#send(bytes), lends: false });
  }

  #begin(): void {
    const { host } = this.#destination;
    const client = this.#client;
    // Nothing goes unrecorded: where rows cannot be kept, nothing is let through.
    if (!this.#context.control.accepts(this.sandboxId)) {
      endWith(this.#context, client, tlsAlert('internal_error'));
      return;
    }
    const { verdict, rule } = this.#entry.rules.network.judgeHost(host);
    if (verdict === 'deny') {
      this.#refuse('access_denied', { verdict: 'blocked', matchRule: rule, dstIp: null });
      return;
    }
    this.#context.connections.add(this);
    client.on('error', () => client.destroy());
    client.on('close', () => this.#clientClosed());
    this.#context.pool.dial(this.#target()).then(
      (upstream) => this.#attach(upstream),
      (error: unknown) => this.#dialFailed(error),
    );
  }

  #target(): UpstreamTarget {
    const { guard } = this.#context;
    const target = upstreamTargetOf(this.#entry, { ...this.#destination, path: '' }, { guard, prefers: 'http/1.1' });
    return { ...target, key: `${target.key}|unopened`, tls: false };
  }

  #attach(upstream: UpstreamLink): void {
    if (this.#over) {
      upstream.destroy();
      return;
    }
    const client = this.#client;
    this.#upstream = upstream;
    this.#address = upstream.address;
    upstream.handler = this;
    if (upstream instanceof UpstreamConnection) upstream.socket.allowHalfOpen = true;
    this.#addressJudged = this.#target().judgeAddress(upstream.address) === null;
    this.deadline = Date.now() + rulesLimitMs;
    client.on('data', (chunk: Buffer) => this.#reading.read(chunk));
    client.on('end', () => this.#clientEnded());
    client.on('drain', () => this.#upstream?.resume());
    this.#reading.resume();
    client.resume();
  }

  #dialFailed(error: unknown): void {
    if (this.#over) return;
    if (!(error instanceof DialError)) {
      this.#context.log.error({ err: error }, 'an upstream could not be dialled');
      this.#refuse('internal_error', { verdict: 'failed', matchRule: this.#rule, dstIp: null });
    } else if (error.refused.code === 'host_denied') {
      this.#refuse('access_denied', { verdict: 'blocked', matchRule: 'address guard', dstIp: error.address });
    } else {
      this.#refuse('internal_error', { verdict: 'failed', matchRule: this.#rule, dstIp: error.address });
    }
  }

  #refuse(
    alert: Parameters<typeof tlsAlert>[0],
    outcome: { verdict: 'blocked' | 'failed'; matchRule: string | null; dstIp: string | null },
  ): void {
    this.#finish(outcome);
    endWith(this.#context, this.#client, tlsAlert(alert));
  }

  #send(chunk: Buffer): void {
    const upstream = this.#upstream;
    // It is gone: what the client still says is read only so that it reads what was said to it.
    if (upstream === null) return;
    this.#moved = this.#context.connections.now;
    this.#sent += chunk.length;
    if (!upstream.write(chunk)) this.#reading.pause();
  }

  /** From the upstream, lent for the call. */
  onData(chunk: Buffer): void {
    this.#moved = this.#context.connections.now;
    this.#received += chunk.length;
    if (!this.#client.write(Buffer.from(chunk))) this.#upstream?.pause();
  }

  onDrain(): void {
    this.#reading.resume();
  }

  #clientEnded(): void {
    this.#reading.flush();
    this.#halfClosed = true;
    this.deadline = Math.min(this.deadline, Date.now() + halfClosedLimitMs);
    if (this.#upstream === null) this.#client.destroy();
    else this.#upstream.end();
  }

  onEnd(): void {
    this.#halfClosed = true;
    this.deadline = Math.min(this.deadline, Date.now() + halfClosedLimitMs);
    this.#client.end();
  }

  onClose(error: Error | null): void {
    this.#upstream = null;
    this.#reading.drop();
    if (error !== null) {
      this.#client.destroy();
      return;
    }
    this.deadline = Date.now() + halfClosedLimitMs;
    this.#client.end(() => (this.deadline = Date.now() + lingerMs));
    this.#reading.resume();
  }

  #clientClosed(): void {
    const upstream = this.#upstream;
    this.#upstream = null;
    this.#finish({ verdict: this.#address === null ? 'failed' : 'allowed', matchRule: this.#rule });
    upstream?.destroy();
  }

  #finish(outcome: {
    verdict: 'allowed' | 'blocked' | 'failed';
    matchRule: string | null;
    dstIp?: string | null;
  }): void {
    if (this.#over) return;
    this.#over = true;
    this.#context.connections.delete(this);
    recordConnection(this.#context, this.#entry.snapshot, {
      host: this.#destination.host,
      dstPort: this.#destination.port,
      dstIp: this.#address,
      ...outcome,
      bytesSent: this.#sent,
      bytesRecv: this.#received,
    });
  }

  expire(): void {
    const now = Date.now();
    const idleMs = now - this.#moved;
    const limitMs = this.#halfClosed ? halfClosedLimitMs : idleLimitMs;
    if (this.#upstream === null || idleMs >= limitMs) this.destroy();
    else if (this.#context.connections.draining && idleMs >= drainIdleMs) this.destroy();
    else {
      this.deadline = now + (this.#context.connections.draining ? retryMs : rulesLimitMs);
      this.reconsider();
    }
  }

  /** What moves may end by itself; what is idle would never. */
  drain(): void {
    this.deadline = 0;
  }

  destroy(): void {
    this.#client.destroy();
  }

  /** Asks the rules of now whether they still have it so. */
  reconsider(): void {
    const { registry } = this.#context;
    const held = registry.get(this.sandboxId);
    if (held !== undefined) {
      this.#judge(held);
      return;
    }
    registry.load(this.sandboxId).then(
      (entry) => (entry === null ? this.destroy() : this.#judge(entry)),
      () => this.#unanswered(),
    );
  }

  #judge(entry: SandboxEntry): void {
    if (this.#over) return;
    if (entry === this.#entry) return;
    this.#confirmed = Date.now();
    this.#entry = entry;
    const { host } = this.#destination;
    const { network, interception } = entry.rules;
    const address = this.#addressJudged ? this.#address : null;
    const stands =
      entry.snapshot.deleted !== true &&
      interception.tunnelledBy(host) !== null &&
      network.judgeHost(host).verdict !== 'deny' &&
      (address === null || this.#target().judgeAddress(address) === null);
    if (!stands) this.destroy();
  }

  /** The rules that it stands by may be out of date: they serve as long as those for requests. */
  #unanswered(): void {
    if (this.#over) return;
    const now = Date.now();
    if (now - this.#confirmed >= rulesLimitMs) this.destroy();
    else this.deadline = Math.min(this.deadline, now + retryMs);
  }
}
