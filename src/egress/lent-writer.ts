import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { gatheringBytes, giveGatheringBuffer, takeGatheringBuffer } from './gathering-buffers.ts';

/** What may gather while a write is under way before the writer asks for a pause. */
const pauseAt = 64 * 1024;
/** A piece this long is most of a TLS record of full length: its like is probably right behind it. */
const longPiece = 8 * 1024;

/**
 * Writes bytes that are only lent, such as those of a read buffer that the next read overwrites.
 *
 * TLS encrypts what it is given within the call, but only while nothing is queued before it; it says that a write is done
 * a turn of the loop later. What comes in between is gathered here and goes out in one write: without this, each piece
 * would be copied, queued by reference, and copied again.
 */
export class LentWriter {
  /** Somebody was told to wait. */
  awaited = false;
  readonly #socket: Socket;
  readonly #idle: () => void;
  #gathered: Buffer | null = null;
  #size = 0;
  /** Writes that are under way or queued in the socket. */
  #writes = 0;
  #over = false;

  /** `idle` is called when everything has been written after `write` answered false. */
  constructor(socket: Socket, idle: () => void) {
    this.#socket = socket;
    this.#idle = idle;
  }

  /** False: give no more until `idle` is called. */
  write(chunk: Buffer): boolean {
    if (this.#over) return true;
    if (this.#writes === 0 && this.#size === 0) {
      if (chunk.length < longPiece) {
        if (!this.#send(chunk)) this.awaited = true;
        return !this.awaited;
      }
      setImmediate(this.#flushGathered);
    }
    if (this.#size + chunk.length > gatheringBytes) {
      this.#flush();
      this.#send(Buffer.from(chunk));
      this.awaited = true;
      return false;
    }
    this.#gathered ??= takeGatheringBuffer();
    this.#gathered.set(chunk, this.#size);
    this.#size += chunk.length;
    if (this.#size < pauseAt) return true;
    this.awaited = true;
    return false;
  }

  /** Nothing more is to come: what is gathered goes into the socket's own queue, to be followed by its end. */
  finish(): void {
    this.#flush();
    this.release();
  }

  /** The connection is gone, or has nothing more to say. */
  release(): void {
    this.#over = true;
    this.#giveBack();
  }

  #giveBack(): void {
    if (this.#gathered !== null) giveGatheringBuffer(this.#gathered);
    this.#gathered = null;
    this.#size = 0;
  }

  #send(chunk: Buffer): boolean {
    this.#writes += 1;
    return this.#socket.write(chunk, this.#written);
  }

  /** Queued by reference behind the write that is under way, so it must be a copy. */
  #flush(): void {
    if (this.#gathered === null || this.#size === 0) return;
    this.#send(Buffer.from(this.#gathered.subarray(0, this.#size)));
    this.#size = 0;
  }

  /** Sends what is gathered as it lies, to be encrypted within the call: nothing may be under way. False: there is nothing. */
  #sendGathered(): boolean {
    if (this.#gathered === null || this.#size === 0) return false;
    const ready = this.#gathered.subarray(0, this.#size);
    this.#size = 0;
    if (!this.#send(ready)) this.awaited = true;
    return true;
  }

  readonly #flushGathered = (): void => {
    if (this.#writes === 0 && !this.#over) this.#sendGathered();
  };

  readonly #written = (error?: Error | null): void => {
    this.#writes -= 1;
    if (error instanceof Error || this.#over || this.#writes > 0) return;
    if (this.#sendGathered()) return;
    this.#giveBack();
    if (!this.awaited) return;
    this.awaited = false;
    this.#idle();
  };
}
