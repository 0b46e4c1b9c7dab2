import { CodingStage } from './coding-stage.ts';
import type { Coding } from './codings.ts';
import type { Scrub } from './scrub.ts';
import type { ScrubStream } from './scrub-stream.ts';
import { decodeAll, encodeAll } from './whole-body.ts';

/** Where a scrubbed body goes. */
export interface BodyHandler {
  /** Bytes for the sandbox, lent for the call. False: no more until {@link BodyScrubber.resume}. */
  onData(bytes: Buffer): boolean;
  /** After `push` answered false: more may be pushed. */
  onDrain(): void;
  /** All of it has been handed over. */
  onEnd(): void;
  /** The content is not what its coding says; what was handed over is all there will be. Never quotes the content. */
  onError(reason: string): void;
}

/** What may wait to be decoded before `push` answers false. */
const mostQueued = 64 * 1024;
/** A body that came whole is decoded within the call up to this size, which is far cheaper than in steps. */
const mostWhole = 256 * 1024;

/**
 * A body on its way to the sandbox: decoded, scrubbed, encoded the same way again. Without a coding each chunk goes
 * through within the call; a small one that came whole does too, and as the bytes that it was where it is clean. At flat memory, whatever the content expands to: no step takes more before the next has taken
 * what there is.
 */
export class BodyScrubber {
  readonly #stream: ScrubStream;
  readonly #codings: readonly Coding[];
  readonly #handler: BodyHandler;
  /** The decoders, outermost first, then the encoders, innermost first; each made when it is needed. */
  readonly #stages: CodingStage[] = [];
  readonly #queue: Buffer[] = [];
  #queued = 0;
  /** Somebody was told to wait. */
  #awaited = false;
  #busy = false;
  #ending = false;
  /** The steps are under way; before that, the body may still turn out to be whole. */
  #started = false;
  #over = false;
  /** Something was encoded since the last flush. */
  #unflushed = false;

  /** `codings` in the order in which they were applied, of `readCodings`. */
  constructor(stream: ScrubStream, codings: readonly Coding[], handler: BodyHandler) {
    this.#stream = stream;
    this.#codings = codings;
    this.#handler = handler;
  }

  /** Occurrences replaced so far. */
  get replaced(): number {
    return this.#stream.replaced;
  }

  /** Values that were not known when it began are looked for too, in what comes from here on. */
  searchAlso(later: Scrub): void {
    this.#stream.searchAlso(later);
  }

  /** Takes what comes next, lent for the call. False: no more until `onDrain`. */
  push(chunk: Buffer): boolean {
    if (this.#over || chunk.length === 0) return true;
    if (this.#codings.length === 0) return this.#handOver(chunk);
    this.#queue.push(Buffer.from(chunk));
    this.#queued += chunk.length;
    // Most bodies end in the call that began them: that is waited for, and no longer.
    if (this.#started) this.#pump();
    else if (this.#queue.length === 1) process.nextTick(this.#start);
    if (this.#queued < mostQueued) return true;
    this.#awaited = true;
    return false;
  }

  /** Nothing follows. `onEnd` or `onError` is called, perhaps within the call. */
  end(): void {
    if (this.#over || this.#ending) return;
    this.#ending = true;
    if (this.#codings.length > 0) {
      if (this.#started || !this.#passWhole()) this.#start();
      return;
    }
    const rest = this.#stream.end();
    if (rest.length > 0) this.#handler.onData(rest);
    this.#finish();
  }

  /** The handler can take more again. */
  resume(): void {
    if (this.#over) return;
    if (this.#codings.length === 0) this.#handler.onDrain();
    else this.#stages.at(-1)?.resume();
  }

  /** Nobody wants the rest. Nothing of the handler is called from here on. */
  destroy(): void {
    this.#over = true;
    this.#queue.length = 0;
    this.#stream.destroy();
    for (const stage of this.#stages) stage.destroy();
  }

  #handOver(chunk: Buffer): boolean {
    const clean = this.#stream.push(chunk);
    return clean.length === 0 || this.#handler.onData(clean);
  }

  readonly #start = (): void => {
    this.#started = true;
    this.#pump();
  };

  /** False: too large for that. */
  #passWhole(): boolean {
    const body = Buffer.concat(this.#queue);
    const content = decodeAll(this.#codings, body, mostWhole);
    if (content === 'too large') return false;
    this.#started = true;
    if (content === 'unreadable' && body.length > 0) {
      this.#fail('it is damaged, or something follows it');
      return true;
    }
    if (typeof content !== 'string') {
      // The coded bytes too: file names of gzip, skippable frames of zstd and the like are no content, and would go on as they are.
      const clean =
        this.#stream.isClean(content, { start: 0, end: content.length, last: true }) &&
        this.#stream.isClean(body, { start: 0, end: body.length, last: true });
      const scrubbed = () => encodeAll(this.#codings, Buffer.concat([this.#stream.push(content), this.#stream.end()]));
      this.#queue.length = 0;
      this.#handler.onData(clean ? body : scrubbed());
    }
    this.#finish();
    return true;
  }

  /** One piece at a time goes through all stages. */
  #pump(): void {
    if (this.#busy || this.#over) return;
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#busy = true;
      this.#queued -= chunk.length;
      this.#pass(0, chunk, this.#next);
      this.#drain();
    } else if (this.#unflushed && !this.#ending) {
      // The upstream waits, so what it sent is all that there is to see for now.
      this.#busy = true;
      this.#unflushed = false;
      this.#flushFrom(this.#codings.length);
    } else if (this.#ending) {
      this.#busy = true;
      if (this.#stages.length === 0) this.#finish();
      else this.#finishFrom(0);
    }
  }

  readonly #next = (): void => {
    this.#busy = false;
    this.#pump();
  };

  #drain(): void {
    if (!this.#awaited || this.#queued >= mostQueued) return;
    this.#awaited = false;
    this.#handler.onDrain();
  }

  /** Gives `bytes` to stage `index`; `done` once all that comes of them has left the last one. */
  #pass(index: number, bytes: Buffer, done: () => void): void {
    const stage = (this.#stages[index] ??= this.#makeStage(index, bytes));
    stage.write(bytes, done);
  }

  /** What stage `index` puts out. */
  #passOn(index: number, bytes: Buffer): boolean {
    if (this.#over) return true;
    const count = this.#codings.length;
    if (index + 1 === 2 * count) return this.#handler.onData(bytes);
    const input = index + 1 === count ? this.#stream.push(bytes) : bytes;
    if (input.length === 0) return true;
    if (index + 1 >= count) this.#unflushed = true;
    this.#pass(index + 1, input, () => this.#stages[index]?.resume());
    return false;
  }

  #makeStage(index: number, first: Buffer): CodingStage {
    const count = this.#codings.length;
    const coding = this.#codings[index < count ? count - 1 - index : index - count];
    if (coding === undefined) throw new Error('no such stage');
    const coder = index < count ? coding.decoder(first) : coding.encoder();
    return new CodingStage(
      coder,
      (bytes) => this.#passOn(index, bytes),
      (reason) => this.#fail(reason),
    );
  }

  #flushFrom(index: number): void {
    const coding = this.#codings[index - this.#codings.length];
    const stage = this.#stages[index];
    if (coding === undefined || stage === undefined) this.#next();
    else stage.flush(coding.flush, () => this.#flushFrom(index + 1));
  }

  #finishFrom(index: number): void {
    const count = this.#codings.length;
    if (index === 2 * count) {
      this.#finish();
      return;
    }
    if (index === count) {
      const rest = this.#stream.end();
      const stage = (this.#stages[index] ??= this.#makeStage(index, rest));
      const finish = () => stage.finish(() => this.#finishFrom(index + 1));
      if (rest.length === 0) finish();
      else stage.write(rest, finish);
      return;
    }
    const stage = this.#stages[index];
    if (stage === undefined) this.#fail('content that ends before its end');
    else stage.finish(() => this.#finishFrom(index + 1));
  }

  #finish(): void {
    this.#over = true;
    this.#handler.onEnd();
  }

  #fail(reason: string): void {
    if (this.#over) return;
    this.destroy();
    this.#handler.onError(`content that its coding cannot be undone of (${reason})`);
  }
}
