import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { giveGatheringBuffer, takeGatheringBuffer } from './gathering-buffers.ts';
import { ReadGate } from './read-gate.ts';
import type { Share } from './turns.ts';

/** Decrypting and holding a piece that was read with others costs this much of a piece of work. */
const heldWeight = 1 / 32;
/** A first piece shorter than this, such as the head of a request, is copied as it is: mostly nothing more comes. */
const shortPiece = 4 * 1024;

/**
 * Reads a socket in the turns of its sandbox: what was read before its turn is held, in one piece, and nothing more is read
 * until then. Decrypted at once, 64 KB may be thousands of pieces.
 */
export class TurnReader {
  readonly #gate: ReadGate;
  /** Null: nobody to share with is known yet. */
  readonly #share: Share | null;
  readonly #take: (bytes: Buffer) => void;
  readonly #lends: boolean;
  /** What is held is the first `#size` bytes of it. */
  #held: Buffer | null = null;
  #size = 0;
  #wanted = true;

  /**
   * `take` is given what was read, as it was given to `read`, and what was held. That is lent for the call if `lends`: the
   * next connection, of any sandbox, is held in the same memory.
   */
  constructor(socket: Socket, share: Share | null, { take, lends }: { take: (bytes: Buffer) => void; lends: boolean }) {
    this.#gate = new ReadGate(socket);
    this.#share = share;
    this.#take = take;
    this.#lends = lends;
  }

  /** The socket brought `bytes`, which may be lent for the call. */
  read(bytes: Buffer): void {
    if (this.#share === null || (this.#held === null && this.#share.enter(this.#onTurn))) {
      this.#give(bytes);
      return;
    }
    this.#hold(bytes);
    this.#share.charge(heldWeight);
    this.#gate.pause();
  }

  /** Reads no more for now, but for what was read already. */
  pause(): void {
    this.#wanted = false;
    this.#gate.pause();
  }

  /** Reads again, in its turn. */
  resume(): void {
    this.#wanted = true;
    if (this.#held === null) this.#gate.resume();
  }

  /** Hands over what is held: nothing follows, and its end must not overtake it. */
  flush(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    this.#give(held.subarray(0, this.#size));
    if (this.#lends) giveGatheringBuffer(held);
  }

  #hold(bytes: Buffer): void {
    if (this.#held === null && bytes.length < shortPiece) {
      this.#held = Buffer.from(bytes);
      this.#size = bytes.length;
      return;
    }
    const size = this.#held === null ? 0 : this.#size;
    const held = this.#withRoom(size, bytes.length);
    held.set(bytes, size);
    this.#size = size + bytes.length;
  }

  /** The buffer of the first `size` held bytes, moved to a larger one if `more` do not fit. */
  #withRoom(size: number, more: number): Buffer {
    const held = this.#held;
    if (held !== null && size + more <= held.length) return held;
    const pooled = takeGatheringBuffer();
    if (size + more <= pooled.length) return this.#moveTo(pooled, size);
    giveGatheringBuffer(pooled);
    return this.#moveTo(Buffer.allocUnsafeSlow(2 * (size + more)), size);
  }

  #moveTo(larger: Buffer, size: number): Buffer {
    if (this.#held !== null) {
      larger.set(this.#held.subarray(0, size));
      giveGatheringBuffer(this.#held);
    }
    this.#held = larger;
    return larger;
  }

  #give(bytes: Buffer): void {
    const begun = this.#share === null ? 0 : this.#share.begin();
    this.#take(bytes);
    this.#share?.end(begun, bytes.length);
  }

  /** Nobody wants what is held. */
  drop(): void {
    if (this.#held !== null) giveGatheringBuffer(this.#held);
    this.#held = null;
  }

  get isHolding(): boolean {
    return this.#held !== null;
  }

  readonly #onTurn = (): void => {
    this.flush();
    if (this.#wanted && this.#held === null) this.#gate.resume();
  };
}
