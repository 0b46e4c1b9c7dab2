import type { Http2Stream } from './stream.ts';

/** A power of two; a connection has at most 128 streams of its peer, so few share a slot. */
const slots = 32;

/**
 * The open streams of one connection by their ids. Not a Map: a Map that entries come and go in is laid out anew now and
 * then, and each old layout keeps what was in it, and the next layout, alive until the whole heap is collected. With a
 * stream for each request that made half of everything survive.
 */
export class StreamTable {
  size = 0;
  readonly #first: (Http2Stream | null)[] = Array.from({ length: slots }, () => null);

  get(id: number): Http2Stream | undefined {
    let stream = this.#first[slotOf(id)] ?? null;
    while (stream !== null && stream.id !== id) stream = stream.nextInSlot;
    return stream ?? undefined;
  }

  /** The table has no stream with its id. */
  add(stream: Http2Stream): void {
    const slot = slotOf(stream.id);
    stream.nextInSlot = this.#first[slot] ?? null;
    this.#first[slot] = stream;
    this.size += 1;
  }

  delete(stream: Http2Stream): void {
    const slot = slotOf(stream.id);
    let before: Http2Stream | null = null;
    let at = this.#first[slot] ?? null;
    while (at !== null && at !== stream) {
      before = at;
      at = at.nextInSlot;
    }
    if (at === null) return;
    if (before === null) this.#first[slot] = at.nextInSlot;
    else before.nextInSlot = at.nextInSlot;
    at.nextInSlot = null;
    this.size -= 1;
  }

  /** All of them as they are now, in the order of their ids: what is done with one may end others. */
  all(): Http2Stream[] {
    const found: Http2Stream[] = [];
    for (const first of this.#first) for (let at = first; at !== null; at = at.nextInSlot) found.push(at);
    return found.toSorted((a, b) => a.id - b.id);
  }
}

function slotOf(id: number): number {
  return (id >>> 1) & (slots - 1);
}
