import type { Socket } from 'node:net';

/** What may gather while a write is under way before the writer asks for a pause. */
const pauseAt = 64 * 1024;
/** After the pause was asked for, a read that had begun may still bring its 64 KB. */
const capacity = pauseAt + 96 * 1024;
/** Gathering buffers kept for the next connection that needs one. */
const maxSpare = 64;
const spare: Buffer[] = [];

/**
 * Writes bytes that are only lent, such as those of a read buffer that the next read overwrites.
 *
 * TLS encrypts what it is given within the call, but only while nothing is queued before it; it says that a write is done
 * a turn of the loop later. What comes in between is gathered here and goes out in one write: without this, each piece
 * would be copied, queued by reference, and copied again.
 */
export class LentWriter {
  readonly #socket: Socket;
  readonly #idle: () => void;
  #gathered: Buffer | null = null;
  #size = 0;
  #writing = false;
  /** Somebody was told to wait. */
  #awaited = false;

  /** `idle` is called when everything has been written after `write` answered false. */
  constructor(socket: Socket, idle: () => void) {
    this.#socket = socket;
    this.#idle = idle;
  }

  /** False: give no more until `idle` is called. */
  write(chunk: Buffer): boolean {
    if (this.#socket.destroyed) return true;
    if (!this.#writing) return this.#send(chunk);
    if (this.#size + chunk.length > capacity) {
      this.#flush();
      this.#socket.write(Buffer.from(chunk));
      this.#awaited = true;
      return false;
    }
    this.#gathered ??= spare.pop() ?? Buffer.allocUnsafeSlow(capacity);
    this.#gathered.set(chunk, this.#size);
    this.#size += chunk.length;
    if (this.#size < pauseAt) return true;
    this.#awaited = true;
    return false;
  }

  /** Nothing more is to come: what is gathered goes into the socket's own queue, to be followed by its end. */
  finish(): void {
    this.#flush();
    this.release();
  }

  /** The connection is gone, or has nothing more to say. */
  release(): void {
    if (this.#gathered !== null && spare.length < maxSpare) spare.push(this.#gathered);
    this.#gathered = null;
    this.#size = 0;
  }

  #send(chunk: Buffer): boolean {
    this.#writing = true;
    // Behind something that is queued it would be kept by reference.
    const kept = this.#socket.writableLength > 0 ? Buffer.from(chunk) : chunk;
    const more = this.#socket.write(kept, this.#written);
    if (!more) this.#awaited = true;
    return more;
  }

  #flush(): void {
    if (this.#gathered === null || this.#size === 0) return;
    // Queued by reference behind the write that is under way, so it must be a copy.
    this.#socket.write(Buffer.from(this.#gathered.subarray(0, this.#size)));
    this.#size = 0;
  }

  readonly #written = (error?: Error | null): void => {
    this.#writing = false;
    if (error instanceof Error) return;
    if (this.#gathered !== null && this.#size > 0) {
      const ready = this.#gathered.subarray(0, this.#size);
      this.#size = 0;
      this.#send(ready);
      return;
    }
    this.release();
    if (!this.#awaited) return;
    this.#awaited = false;
    this.#idle();
  };
}
