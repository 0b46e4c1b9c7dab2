/** The beginning and the end of a text that may be longer than what is kept, in characters. */
export class HeadAndTail {
  readonly #half: number;
  #head = '';
  #tail = '';
  #dropped = 0;

  /** `most`: characters that are kept, half of them from the end. */
  constructor(most: number) {
    this.#half = Math.max(1, Math.floor(most / 2));
  }

  add(text: string): void {
    const room = this.#half - this.#head.length;
    this.#head += text.slice(0, room);
    const tail = this.#tail + text.slice(Math.max(0, room));
    this.#tail = tail.slice(-this.#half);
    this.#dropped += tail.length - this.#tail.length;
  }

  get truncated(): boolean {
    return this.#dropped > 0;
  }

  toString(): string {
    if (!this.truncated) return this.#head + this.#tail;
    const note = `\n[${this.#dropped} characters left out]\n`;
    return this.#head.toWellFormed() + note + this.#tail.toWellFormed();
  }
}
