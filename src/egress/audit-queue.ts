import { SegmentGroup, wasUse } from '../audit-rows.ts';
import type { AuditBatch, ObservedEvent } from '../audit-rows.ts';

/** Gathers events into the batches that go to the main process. */
export class AuditQueue {
  readonly #group = new SegmentGroup();
  #count = 0;
  #uses = new Map<string, number>();
  #strays: ObservedEvent[] = [];

  /** Events that wait. */
  get size(): number {
    return this.#count;
  }

  add(event: ObservedEvent): void {
    this.#count += 1;
    const { request } = event;
    if (request === undefined || request.secretIds.length === 0) {
      if (request !== undefined && request.foreign.length > 0) this.#strays.push(event);
      else this.#group.add(event, null);
      return;
    }
    if (wasUse(request)) for (const secretId of request.secretIds) this.#uses.set(secretId, event.ts);
    if (request.foreign.length > 0) this.#strays.push(event);
    else for (const secretId of request.secretIds) this.#group.add(event, secretId);
  }

  /** All that waits, as one batch. */
  take(): AuditBatch {
    const batch = {
      segments: this.#group.take(),
      count: this.#count,
      uses: [...this.#uses],
      strays: this.#strays,
    };
    this.#count = 0;
    this.#uses = new Map();
    this.#strays = [];
    return batch;
  }
}

/** These events as one batch. */
export function auditBatch(events: readonly ObservedEvent[]): AuditBatch {
  const queue = new AuditQueue();
  for (const event of events) queue.add(event);
  return queue.take();
}
