/** Little usually waits: the first block is small, the others are used again. */
const firstBlock = 1024;
const nextBlock = 16 * 1024;
const maxSpare = 64;
const spare: Buffer[] = [];

/**
 * Content that waits to be sent. It is copied, since what came was only lent, and gathered into blocks: many small pieces
 * cost no more than a few large ones.
 */
export class SendQueue {
  size = 0;
  #blocks: Buffer[] | null = null;
  /** Where the first block's content begins and the last one's ends. */
  #from = 0;
  #to = 0;

  push(bytes: Buffer, start: number): void {
    let at = start;
    this.size += bytes.length - start;
    this.#blocks ??= [];
    let last = this.#blocks[this.#blocks.length - 1];
    while (at < bytes.length) {
      if (last === undefined || this.#to === last.length) {
        const small = last === undefined && bytes.length - at <= firstBlock;
        last = small ? Buffer.allocUnsafeSlow(firstBlock) : (spare.pop() ?? Buffer.allocUnsafeSlow(nextBlock));
        this.#blocks.push(last);
        this.#to = 0;
      }
      const taken = Math.min(last.length - this.#to, bytes.length - at);
      bytes.copy(last, this.#to, at, at + taken);
      this.#to += taken;
      at += taken;
    }
  }

  /** Moves the first `count` bytes to `target`, where there is room at `at`. */
  shift(count: number, target: Buffer, at: number): void {
    let left = count;
    let to = at;
    while (left > 0) {
      const block = this.#blocks?.[0];
      if (block === undefined) return;
      const end = this.#blocks?.length === 1 ? this.#to : block.length;
      const taken = Math.min(left, end - this.#from);
      block.copy(target, to, this.#from, this.#from + taken);
      this.#from += taken;
      to += taken;
      left -= taken;
      if (this.#from === end) {
        this.#blocks?.shift();
        this.#from = 0;
        keep(block);
      }
    }
    this.size -= count;
    if (this.size === 0) this.clear();
  }

  clear(): void {
    for (const block of this.#blocks ?? []) keep(block);
    this.#blocks = null;
    this.size = 0;
    this.#from = 0;
    this.#to = 0;
  }
}

function keep(block: Buffer): void {
  if (block.length === nextBlock && spare.length < maxSpare) spare.push(block);
}
