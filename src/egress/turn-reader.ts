import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { ReadGate } from './read-gate.ts';
import type { Share } from './turns.ts';

/** Decrypting and holding a piece that was read with others costs this much of a piece of work. */
const heldWeight = 1 / 32;

/**
 * Reads a socket in the turns of its sandbox: what was read before its turn is held, in one piece, and nothing more is read
 * until then. Decrypted at once, 64 KB may be thousands of pieces.
 */
export class TurnReader {
  readonly #gate: ReadGate;
  /** Null: nobody to share with is known yet. */
  readonly #share: Share | null;
  readonly #take: (bytes: Buffer) => void;
  #held: Buffer[] = [];
  #wanted = true;

  /** `take` is given what was read, lent where `read` was. */
  constructor(socket: Socket, share: Share | null, take: (bytes: Buffer) => void) {
    this.#gate = new ReadGate(socket);
    this.#share = share;
    this.#take = take;
  }

  /** The socket brought `bytes`, which may be lent for the call. */
  read(bytes: Buffer): void {
    if (this.#share === null || (this.#held.length === 0 && this.#share.enter(this.#onTurn))) {
      this.#give(bytes);
      return;
    }
    this.#held.push(Buffer.from(bytes));
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
    if (this.#held.length === 0) this.#gate.resume();
  }

  /** Hands over what is held: nothing follows, and its end must not overtake it. */
  flush(): void {
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = [];
    this.#give(held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held));
  }

  #give(bytes: Buffer): void {
    const begun = this.#share === null ? 0 : this.#share.begin();
    this.#take(bytes);
    this.#share?.end(begun);
  }

  /** Nobody wants what is held. */
  drop(): void {
    this.#held = [];
  }

  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  readonly #onTurn = (): void => {
    this.flush();
    if (this.#wanted && this.#held.length === 0) this.#gate.resume();
  };
}
