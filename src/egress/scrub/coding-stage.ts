import type { CodingStream } from './codings.ts';

/**
 * One coder of a chain, with its back-pressure: it takes a piece at a time, says when it has handed on all that came of
 * it, and waits while the next one asks for that.
 */
export class CodingStage {
  readonly #stream: CodingStream;
  readonly #output: (bytes: Buffer) => boolean;
  readonly #fail: (reason: string) => void;
  #given = 0;
  /** Called when all of the output has been taken. */
  #done: (() => void) | null = null;
  #consumed = false;
  #paused = false;

  /** `output` takes what comes out and returns false to be given no more until {@link resume}. */
  constructor(stream: CodingStream, output: (bytes: Buffer) => boolean, fail: (reason: string) => void) {
    this.#stream = stream;
    this.#output = output;
    this.#fail = fail;
    stream.on('data', this.#take);
    stream.on('end', this.#wasWritten);
    stream.on('error', (error: Error) => fail('code' in error ? String(error.code) : 'unreadable content'));
  }

  /** `bytes` are kept until `done`. One call at a time, of this and of the next two. */
  write(bytes: Buffer, done: () => void): void {
    this.#given += bytes.length;
    this.#begin(done);
    this.#stream.write(bytes, this.#wasWritten);
  }

  /** Lets everything written so far out. */
  flush(kind: number, done: () => void): void {
    this.#begin(done);
    this.#stream.flush(kind, this.#wasConsumed);
  }

  /** Nothing more comes. */
  finish(done: () => void): void {
    this.#begin(done);
    this.#stream.end();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#stream.resume();
    this.#settle();
  }

  destroy(): void {
    this.#stream.removeListener('data', this.#take);
    this.#stream.destroy();
  }

  #begin(done: () => void): void {
    this.#consumed = false;
    this.#done = done;
  }

  /** What a coder does not use stands behind the end of its format. */
  readonly #wasWritten = (): void => {
    if (this.#stream.bytesWritten === this.#given) this.#wasConsumed();
    else this.#fail('bytes after the end of the content');
  };

  readonly #wasConsumed = (): void => {
    this.#consumed = true;
    this.#settle();
  };

  readonly #take = (bytes: Buffer): void => {
    if (!this.#output(bytes)) {
      this.#paused = true;
      this.#stream.pause();
    }
    this.#settle();
  };

  #settle(): void {
    const done = this.#done;
    if (done === null || !this.#consumed || this.#paused || this.#stream.readableLength > 0) return;
    this.#done = null;
    done();
  }
}
