import type { AuditBatch, ObservedEvent } from '../audit-rows.ts';
import { Secret } from '../crypto/secret.ts';
import { AuditQueue } from './audit-queue.ts';
import { Backlog, weightOf } from './backlog.ts';
import type { Answer, Ask, FromWorker, ToWorker } from './ipc.ts';
import type { ControlPort, LeafCertificate, SandboxSnapshot } from './ports.ts';
import { WaitingRoom } from './waiting-room.ts';

const batchSize = 256;
/** What came goes out this long after its first. A batch costs the main process the same for one event and for many. */
const gatherMs = 100;
/** With a stand-in out of place among it: its binding may have to be revoked. */
const urgentMs = 25;
const retryMs = 250;
const askTimeoutMs = 10_000;
/** A batch may go unanswered this long before requests are refused. */
const silenceLimitMs = 5_000;

interface Unacknowledged {
  readonly batch: AuditBatch;
  /** When its first event came, in milliseconds since the epoch. */
  readonly since: number;
  /** What those of each sandbox count. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Sends one message to the main process. */
export type Post = (message: FromWorker) => void;

/**
 * The worker's end of the IPC: asks and waits for answers, and sends events in batches, each batch kept until the main
 * process says that it is durable.
 */
export class ControlLink implements ControlPort {
  readonly #post: Post;
  readonly #asks = new Map<number, (answer: (ToWorker & { type: 'answer' }) | null) => void>();
  readonly #queue = new AuditQueue();
  /** When the first event came that waits in the queue. */
  #queuedSince = 0;
  /** Batches that are not known to be durable, the oldest first. */
  readonly #unacknowledged = new Set<Unacknowledged>();
  /** Could not be written, and go again before anything new. */
  #returned: Unacknowledged[] = [];
  #flushTimer: NodeJS.Timeout | null = null;
  #hasUrgent = false;
  readonly #backlog = new Backlog();
  readonly #waiting = new WaitingRoom();
  #nextId = 1;
  #lost = false;
  /** Events that could not be made, and that the main process has not been told of. */
  #uncounted: { since: number; count: number } | null = null;
  /** The last batch that was answered could not be written. */
  #failing = false;
  /** Batches that have gone unanswered for too long. */
  readonly #overdue = new Set<number>();

  constructor(post: Post) {
    this.#post = post;
  }

  /**
   * Whether something of this sandbox may be let through (null: of one that is not known yet). Not where the control plane
   * is gone, silent or cannot write, nor where too much waits for it.
   */
  accepts(sandboxId: string | null): boolean {
    return this.canWrite && this.#backlog.hasRoom(sandboxId);
  }

  /** What comes is written, as far as is known. */
  get canWrite(): boolean {
    return !this.#lost && !this.#failing && this.#overdue.size === 0;
  }

  /** Whether only too much of this sandbox waits to be written, which passes: see {@link whenThereIsRoom}. */
  mustWait(sandboxId: string | null): boolean {
    return !this.#backlog.hasRoom(sandboxId) && this.canWrite;
  }

  /** Calls `go` when there may be room again, or nothing is to be waited for: `mustWait` says. */
  whenThereIsRoom(sandboxId: string | null, go: () => void): void {
    this.#waiting.wait(sandboxId, go);
  }

  async sandbox(id: string): Promise<SandboxSnapshot | null> {
    const answer = await this.#ask({ what: 'sandbox', sandboxId: id });
    return answer.what === 'sandbox' ? answer.sandbox : null;
  }

  async value(ask: { sandboxId: string; secretId: string; version: number }): Promise<Secret | null> {
    const answer = await this.#ask({ what: 'value', ...ask });
    if (answer.what !== 'value' || answer.value === null) return null;
    const secret = new Secret(answer.value);
    answer.value.fill(0);
    return secret;
  }

  async leaf(host: string): Promise<LeafCertificate> {
    const answer = await this.#ask({ what: 'leaf', host });
    if (answer.what !== 'leaf') throw new Error('the control plane gave no leaf');
    return answer.leaf;
  }

  record(event: ObservedEvent): void {
    if (this.#queue.size === 0) this.#queuedSince = Date.now();
    this.#queue.add(event);
    this.#backlog.add(event.sandboxId, weightOf(event));
    if (this.#queue.size >= batchSize) {
      this.#flush();
      return;
    }
    const isUrgent = event.request !== undefined && event.request.foreign.length > 0;
    if (isUrgent && !this.#hasUrgent && this.#flushTimer !== null) {
      clearTimeout(this.#flushTimer);
      this.#flushTimer = null;
    }
    this.#hasUrgent ||= isUrgent;
    this.#flushTimer ??= setTimeout(() => this.#flush(), isUrgent ? urgentMs : gatherMs);
  }

  /** An event of this time, in milliseconds since the epoch, could not be made: nobody knows whose it is. */
  countLost(at: number): void {
    if (this.#uncounted === null) this.#uncounted = { since: at, count: 0 };
    this.#uncounted.since = Math.min(this.#uncounted.since, at);
    this.#uncounted.count++;
  }

  /** Tells of the events that were lost since the last call, for a gap in the trail. */
  tellLost(): void {
    if (this.#uncounted !== null) this.#post({ type: 'lost', ...this.#uncounted });
    this.#uncounted = null;
  }

  /** Every event that came before this time is durable; `now` and the answer are milliseconds since the epoch. */
  settledAt(now: number): number {
    const [oldest] = this.#unacknowledged;
    return Math.min(now, oldest?.since ?? now, this.#queue.size === 0 ? now : this.#queuedSince);
  }

  /** Resolves when every event is durable, or the control plane is gone. */
  async settle(): Promise<void> {
    while (!this.#lost && this.#backlog.total > 0) {
      this.#flush();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** An answer from the main process. */
  receive(answer: ToWorker & { type: 'answer' }): void {
    const waiting = this.#asks.get(answer.id);
    this.#asks.delete(answer.id);
    waiting?.(answer);
  }

  /** The main process is gone: everything asked fails, now and later. */
  lose(): void {
    this.#lost = true;
    for (const waiting of this.#asks.values()) waiting(null);
    this.#asks.clear();
    this.#waiting.letIn(Infinity);
  }

  #flush(): void {
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
    this.#hasUrgent = false;
    const returned = this.#returned;
    this.#returned = [];
    for (const events of returned) this.#deliver(events);
    if (this.#queue.size === 0) return;
    const events = { batch: this.#queue.take(), counts: this.#backlog.take(), since: this.#queuedSince };
    this.#unacknowledged.add(events);
    this.#deliver(events);
  }

  #deliver(events: Unacknowledged): void {
    const id = this.#nextId++;
    const silence = setTimeout(() => {
      this.#overdue.add(id);
      this.#waiting.letIn(Infinity);
    }, silenceLimitMs);
    this.#asks.set(id, (answer) => {
      clearTimeout(silence);
      this.#overdue.delete(id);
      this.#failing = answer?.ok !== true;
      if (answer?.ok === true || this.#lost) {
        this.#unacknowledged.delete(events);
        this.#waiting.letIn(this.#backlog.remove(events.counts));
        return;
      }
      this.#waiting.letIn(Infinity);
      this.#returned.push(events);
      this.#flushTimer ??= setTimeout(() => this.#flush(), retryMs);
    });
    this.#post({ type: 'events', id, batch: events.batch });
  }

  #ask(ask: Ask): Promise<Answer> {
    if (this.#lost) return Promise.reject(new Error('the control plane is gone'));
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => {
      this.#asks.delete(id);
      reject(new Error('the control plane did not answer'));
    }, askTimeoutMs);
    this.#asks.set(id, (answer) => {
      clearTimeout(timer);
      if (answer?.ok === true) resolve(answer.result);
      else reject(new Error('the control plane could not answer'));
    });
    this.#post({ type: 'ask', id, ask });
    return promise;
  }
}
