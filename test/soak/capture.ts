import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const fileLimit = 16 << 20;
const filesKept = 4;

/**
 * Keeps what upstreams receive, the newest 64 MiB of it, to look at where something was found. A record is a line of
 * JSON (connection, host, time, length), then the bytes.
 */
export class Capture {
  readonly #directory: string;
  #number = 0;
  #file: number;
  #written = 0;

  constructor(directory: string) {
    this.#directory = directory;
    this.#file = openSync(this.#path(0), 'w', 0o600);
  }

  add(from: { connection: number; host: string }, bytes: Buffer): void {
    const head = Buffer.from(`${JSON.stringify({ ...from, at: Date.now(), length: bytes.length })}\n`);
    writeSync(this.#file, head);
    writeSync(this.#file, bytes);
    this.#written += head.length + bytes.length;
    if (this.#written >= fileLimit) this.#rotate();
  }

  close(): void {
    closeSync(this.#file);
  }

  #rotate(): void {
    closeSync(this.#file);
    this.#number += 1;
    this.#written = 0;
    this.#file = openSync(this.#path(this.#number), 'w', 0o600);
    rmSync(this.#path(this.#number - filesKept), { force: true });
  }

  #path(number: number): string {
    return join(this.#directory, `capture-${number}`);
  }
}
