import type { Socket } from 'node:net';

/** Whether a socket is read. The socket is asked only where that changes: its own `pause` and `resume` do work each time. */
export class ReadGate {
  readonly #socket: Socket;
  #paused = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }
}
