/** Requests that wait until events of theirs have room in the backlog, each sandbox's in their order. */
export class WaitingRoom {
  /** By sandbox; null: of one that is not known yet. */
  readonly #waiting = new Map<string | null, (() => void)[]>();

  /** `go` is called when there may be room, or when nothing is to be waited for any more: to look again. */
  wait(sandboxId: string | null, go: () => void): void {
    const waiting = this.#waiting.get(sandboxId);
    if (waiting === undefined) this.#waiting.set(sandboxId, [go]);
    else waiting.push(go);
  }

  /** So much room was made: it may be anybody's, so as many of each sandbox look again. */
  letIn(most: number): void {
    if (this.#waiting.size === 0) return;
    // Whoever finds no room waits again, for the next time.
    const all = [...this.#waiting];
    for (const [sandboxId, waiting] of all) {
      const next = waiting.splice(0, most);
      if (waiting.length === 0) this.#waiting.delete(sandboxId);
      for (const go of next) go();
    }
  }
}
