import type { AnswerWriter, ContentLength } from './request-source.ts';
import { BodyScrubber } from './scrub/body-scrubber.ts';
import type { BodyHandler } from './scrub/body-scrubber.ts';
import { envelopesOf, hidingField, namesCoding } from './scrub/envelopes.ts';
import { GrpcScrubber } from './scrub/grpc-scrubber.ts';
import { dropsResponseField, planBody, scrubHead } from './scrub/heads.ts';
import type { BodyPlan } from './scrub/heads.ts';
import type { Scrub } from './scrub/scrub.ts';
import type { ResponseHead } from './wire/head.ts';

/** What the relay of an answer is told. */
export interface ContentOwner {
  /** After `push` answered false: more may be pushed. */
  contentDrained(): void;
  /** All of it is written. */
  contentEnded(): void;
  /** Its coding cannot be undone: what was written is all there will be. */
  contentBroken(reason: string): void;
}

/** What its content is told by. */
export interface AnswerShape {
  readonly head: ResponseHead;
  /** It ends where its head says: nothing may follow. */
  readonly ends: boolean;
  /** The client reads trailers behind chunks alone. */
  readonly trailsInChunks: boolean;
}

/** An answer that does not go through as the bytes that it is: framed anew, and without the values of `scrub`. */
export class ContentAnswer implements BodyHandler {
  readonly length: ContentLength;
  readonly #writer: AnswerWriter;
  readonly #owner: ContentOwner;
  #scrub: Scrub | null;
  readonly #plan: BodyPlan | null;
  readonly #body: BodyScrubber | GrpcScrubber | null;
  #trailers: Buffer | null = null;

  /** `scrubbing.plan`: what is done with the content, where values are looked for. */
  constructor(
    parts: { writer: AnswerWriter; owner: ContentOwner },
    answer: AnswerShape,
    scrubbing: { scrub: Scrub; plan: BodyPlan } | null,
  ) {
    this.#writer = parts.writer;
    this.#owner = parts.owner;
    this.#scrub = scrubbing?.scrub ?? null;
    this.#plan = scrubbing?.plan ?? null;
    this.length = lengthOf(answer, this.#plan);
    this.#body = scrubbing === null || this.length === 'none' ? null : this.#scrubber(answer.head, scrubbing);
  }

  #scrubber(head: ResponseHead, { scrub, plan }: { scrub: Scrub; plan: BodyPlan }): BodyScrubber | GrpcScrubber {
    const envelopes = plan.codings.length === 0 ? envelopesOf(valueOf(head, 'content-type')) : null;
    if (envelopes === null)
      return new BodyScrubber(scrub.stream({ keepLength: this.length === 'announced' }), plan.codings, this);
    const { flags, encodingField } = envelopes;
    return new GrpcScrubber(scrub, this, { encoding: valueOf(head, encodingField), flags });
  }

  /** Values that were taken out of the content so far. */
  get replaced(): number {
    return this.#body?.replaced ?? 0;
  }

  /** Values that were not known when it began are looked for too, where any are. */
  searchAlso(later: Scrub): void {
    if (this.#scrub === null) return;
    this.#scrub = this.#scrub.and(later);
    this.#body?.searchAlso(later);
  }

  head(head: ResponseHead, closes: boolean): void {
    const plan = this.#plan;
    // A digest of content that is coded anew is wrong (RFC 9530 section 2).
    const omits =
      plan === null || plan.codings.length === 0 ? null : (name: string) => dropsResponseField(name, plan, false);
    this.#writer.head(head, { content: this.length, closes, omits });
  }

  /** Takes content, lent for the call. False: wait for `contentDrained`. */
  push(part: Buffer): boolean {
    return this.#body === null ? this.#writer.content(part) : this.#body.push(part);
  }

  /** The client takes more. */
  resume(): void {
    if (this.#body === null) this.#owner.contentDrained();
    else this.#body.resume();
  }

  end(trailers: Buffer | null): void {
    this.#trailers = trailers === null || this.#scrub === null ? trailers : scrubHead(this.#scrub, trailers);
    if (trailers !== null && this.#trailers === null) {
      this.#owner.contentBroken('a credential that goes on from line to line of the trailers');
      return;
    }
    if (this.#body === null) this.onEnd();
    else this.#body.end();
  }

  destroy(): void {
    this.#body?.destroy();
  }

  onData(bytes: Buffer): boolean {
    return this.#writer.content(bytes);
  }

  onDrain(): void {
    this.#owner.contentDrained();
  }

  onEnd(): void {
    this.#writer.end(this.#trailers);
    this.#owner.contentEnded();
  }

  onError(reason: string): void {
    this.#owner.contentBroken(reason);
  }
}

/** How the length of the content is told to the client. */
function lengthOf({ head, ends, trailsInChunks }: AnswerShape, plan: BodyPlan | null): ContentLength {
  const { framing } = head;
  if (framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0 && ends)) return 'none';
  if (framing.kind !== 'length') return 'open';
  // RFC 9112 6.2: trailers stand behind chunks, and no Content-Length may stand beside those. Only where trailers are
  // announced is the length given up for them.
  if (!ends && trailsInChunks && head.lines.find('trailer') !== -1) return 'open';
  return framing.length === 0 || plan?.dropsLength !== true ? 'announced' : 'open';
}

/** Empty where there is none; several lines joined with a comma (RFC 9110 section 5.2). */
function valueOf({ lines }: ResponseHead, lowerName: string): string {
  let found = '';
  for (let line = 0; line < lines.count; line++) {
    if (lines.isNamed(line, lowerName)) found = found === '' ? lines.value(line) : `${found}, ${lines.value(line)}`;
  }
  return found;
}

/** Whether values in the content would show in its bytes as they are: nothing in it, and no message of it, is coded. */
export function showsAsIs(head: ResponseHead, plan: BodyPlan): boolean {
  return plan.codings.length === 0 && envelopesOf(valueOf(head, 'content-type')) === null;
}

/** What is done with an answer's content; a text says why it is refused. */
export function planContent(scrub: Scrub, head: ResponseHead): BodyPlan | string {
  const { status, framing } = head;
  const contentEncoding = valueOf(head, 'content-encoding');
  const hasContent = framing.kind !== 'none' && !(framing.kind === 'length' && framing.length === 0);
  const plan = planBody(scrub, { status, hasContent, hasLength: framing.kind === 'length', contentEncoding });
  if (typeof plan === 'string' || !hasContent) return plan;
  const hidden = hidingField(valueOf(head, 'content-type'), plan.codings.length > 0);
  if (hidden !== null && namesCoding(valueOf(head, hidden)))
    return 'messages that were compressed without being asked for, and coded once more, which cannot be searched for credentials';
  return plan;
}
