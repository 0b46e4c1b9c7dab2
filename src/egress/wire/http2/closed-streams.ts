/** How a stream came to its end; `unknown`: too long ago, or it never was. */
export const closing = { unknown: 0, ended: 1, resetByUs: 2, resetByPeer: 3 } as const;

const kept = 256;

/**
 * The streams that closed last. The peer may not know yet that we reset one: what still comes on it is ignored (RFC 9113
 * section 5.1, "closed"); after an end that both sides know of, the same frames are errors.
 */
export class ClosedStreams {
  #ids: Uint32Array | null = null;
  #how: Uint8Array | null = null;
  #next = 0;

  add(id: number, how: number): void {
    this.#ids ??= new Uint32Array(kept);
    this.#how ??= new Uint8Array(kept);
    this.#ids[this.#next] = id;
    this.#how[this.#next] = how;
    this.#next = (this.#next + 1) % kept;
  }

  /** What was said of it holds no more. */
  change(id: number, how: number): void {
    const at = this.#ids?.indexOf(id) ?? -1;
    if (at !== -1 && this.#how !== null) this.#how[at] = how;
    else this.add(id, how);
  }

  /** Walks all of them: only what is out of order gets here. */
  how(id: number): number {
    const at = this.#ids?.indexOf(id) ?? -1;
    return at === -1 ? closing.unknown : (this.#how?.[at] ?? closing.unknown);
  }
}
