import { Buffer } from 'node:buffer';
import { rewriteHead } from '../../src/egress/wire/head-writer.ts';
import { asMessage } from './as-message.ts';
import { compare } from './compare.ts';
import type { Disagreement } from './compare.ts';
import { llhttpExplanations } from './explanations-llhttp.ts';
import { forward } from './forwarded.ts';
import { feedEnds } from './fuzz-case.ts';
import type { FuzzCase } from './fuzz-case.ts';
import { readTheirs } from './llhttp.ts';
import type { Message } from './message.ts';
import { readOurs } from './our-reader.ts';
import type { OurMessage, OurReading } from './our-reader.ts';
import { judgeHead } from './reference-head.ts';
import { readChunked } from './reference-body.ts';
import { reframedDiffers } from './reframed.ts';

export interface Judgement {
  disagreement: Disagreement | null;
  ours: OurReading;
  /** Names of the explanations that were needed. */
  explained: string[];
}

const most = 40;

/** Asks every oracle that needs no other process. */
export function judge(fuzzed: FuzzCase): Judgement {
  const explained: string[] = [];
  const ours = readOurs(fuzzed, [fuzzed.bytes.length]);
  const messages = ours.messages.map(asMessage);
  const disagreement =
    splitDiffers(fuzzed, ours) ??
    copiesDiffer(fuzzed, ours) ??
    llhttpDiffers(fuzzed, { ours, messages, explained }) ??
    forwardedDiffers(fuzzed, { ours, messages, explained }) ??
    reframed(fuzzed, { ours, messages });
  return { disagreement, ours, explained };
}

/** However the bytes are split, the same is read. */
function splitDiffers(fuzzed: FuzzCase, whole: OurReading): Disagreement | null {
  const split = readOurs(fuzzed, feedEnds(fuzzed));
  const [wholeText, splitText] = [summary(whole), summary(split)];
  if (wholeText === splitText) return null;
  return { kind: 'split bytes are read otherwise', message: 0, detail: `${wholeText} | ${splitText}` };
}

function summary({ messages, state }: OurReading): string {
  // How much of a message was passed on before it was refused depends on the reads.
  const cut = state === 'refused' ? messages.findIndex(({ complete }) => !complete) : -1;
  const read = messages.map(({ start, bodyStart, end, complete, forwarded, content, trailers }, index) =>
    index === cut
      ? [start, bodyStart]
      : [start, bodyStart, end, complete, forwarded, content, trailers?.toString('latin1') ?? null],
  );
  return JSON.stringify([read, state]);
}

/** A head is of the grammar and, not edited, written as it came; content ends where the grammar says. */
function copiesDiffer({ bytes, side }: FuzzCase, { messages, state, waiting }: OurReading): Disagreement | null {
  for (const [index, message] of messages.entries()) {
    const { head, start, bodyStart } = message;
    const again = rewriteHead(head.lines, { drop: () => false });
    if (!again.equals(bytes.subarray(start, bodyStart))) {
      return { kind: 'an unedited head changes', message: index, detail: JSON.stringify(again.toString('latin1')) };
    }
    const ungrammatical = judgeHead(side, bytes.toString('latin1', start, bodyStart));
    if (ungrammatical !== null) return { kind: 'we take a head that is none', message: index, detail: ungrammatical };
    const isRefused = state === 'refused' && !message.complete;
    const wrong = bodyDiffers(message, { bytes, isRefused, waiting });
    if (wrong !== null) return { kind: 'BodyReader and the grammar differ', message: index, detail: wrong };
  }
  return null;
}

function bodyDiffers(
  message: OurMessage,
  { bytes, isRefused, waiting }: { bytes: Buffer; isRefused: boolean; waiting: boolean },
): string | null {
  const { head, bodyStart, end, complete, forwarded, content, trailers } = message;
  const { framing } = head;
  if (framing.kind !== 'chunked') {
    const left = bytes.length - bodyStart;
    const expected = { none: 0, close: left, length: framing.kind === 'length' ? Math.min(framing.length, left) : 0 }[
      framing.kind
    ];
    if (content !== forwarded) return 'other content than what goes on';
    return end - bodyStart === expected && forwarded.length === expected ? null : `${expected} bytes expected`;
  }
  const text = bytes.toString('latin1', bodyStart);
  const { length, wrong, content: decoded, trailers: named } = readChunked(text, 0);
  // Trailers that the grammar allows are refused for what they name.
  if (isRefused) return wrong || named.length > 0 ? null : 'refused, though the grammar allows it';
  // Trailers are judged when they are whole, and none of them goes on before.
  if (wrong && !complete && !waiting) return 'not refused, though nothing could mend it';
  if (complete !== (length !== -1)) return `whole: ${complete}, by the grammar ${length !== -1}`;
  if (content !== decoded) return `content ${JSON.stringify(content)}, by the grammar ${JSON.stringify(decoded)}`;
  if (!complete) return null;
  if (end - bodyStart !== length) return `${end - bodyStart} bytes, by the grammar ${length}`;
  return forwarded + (trailers?.toString('latin1') ?? '') === text.slice(0, length) ? null : 'other bytes go on';
}

interface Readings {
  ours: OurReading;
  messages: readonly Message[];
  explained: string[];
}

function llhttpDiffers(fuzzed: FuzzCase, { ours, messages, explained }: Readings): Disagreement | null {
  const length = fuzzed.bytes.length;
  const whole = compare(ours, { messages, theirs: readTheirs(fuzzed, [length]) });
  if (whole !== null) return explain(fuzzed, { disagreement: whole, ours, explained });
  const ends = new Set([...fuzzed.cuts, length]);
  for (const { bodyStart, end } of ours.messages)
    ends
      .add(bodyStart - 1)
      .add(bodyStart)
      .add(end - 1)
      .add(end);
  const theirs = readTheirs(
    fuzzed,
    [...ends].filter((end) => end > 0 && end <= length).toSorted((a, b) => a - b),
  );
  const split = compare(ours, { messages, theirs });
  if (split !== null) return split;
  for (const [index, message] of ours.messages.entries()) {
    const { headAt = -1, completeAt = -1 } = theirs.messages[index] ?? {};
    const endDiffers = message.complete && message.head.framing.kind !== 'close' && completeAt !== message.end;
    if (headAt !== message.bodyStart || endDiffers) {
      const detail = `ours ${message.bodyStart} and ${message.end}, llhttp's ${headAt} and ${completeAt}`;
      return { kind: 'head or message ends elsewhere', message: index, detail };
    }
  }
  return null;
}

/** Null where an explanation holds: the case without what it explains is read alike. */
function explain(
  fuzzed: FuzzCase,
  { disagreement, ours, explained }: { disagreement: Disagreement; ours: OurReading; explained: string[] },
): Disagreement | null {
  if (explained.length >= most) return disagreement;
  for (const { name, error, rewrite } of llhttpExplanations) {
    if (!error.test(disagreement.kind)) continue;
    const bytes = rewrite(fuzzed.bytes, { messages: ours.messages, index: disagreement.message });
    if (bytes === null || bytes.equals(fuzzed.bytes)) continue;
    explained.push(name);
    const shift = bytes.length - fuzzed.bytes.length;
    const cuts = fuzzed.cuts.map((cut) => Math.max(1, Math.min(cut + shift, bytes.length)));
    const rewritten = { ...fuzzed, bytes, cuts: cuts.toSorted((a, b) => a - b) };
    const again = readOurs(rewritten, [bytes.length]);
    if (again.messages.length !== ours.messages.length || again.state !== ours.state) {
      return { ...disagreement, kind: `${disagreement.kind}; without it we read otherwise` };
    }
    return llhttpDiffers(rewritten, { ours: again, messages: again.messages.map(asMessage), explained });
  }
  return disagreement;
}

/** What goes on, read again, is what came, less what belongs to one connection. */
function forwardedDiffers(fuzzed: FuzzCase, { ours, messages, explained }: Readings): Disagreement | null {
  const passed = forward(fuzzed, ours.messages, messages);
  // The limit of 200 lines is for what comes in; a line may have been added to as many.
  if (passed.expected.length === 0 || passed.expected.some(({ fields }) => fields.length > 400)) return null;
  const again = readOurs(passed.fuzzed, [passed.fuzzed.bytes.length]);
  const read = again.messages.map(asMessage);
  const [expectedText, readText] = [JSON.stringify(passed.expected), JSON.stringify(read.map(withoutConnection))];
  if (JSON.stringify(passed.expected.map(withoutConnection)) !== readText) {
    return { kind: 'what goes on is another message', message: 0, detail: `${expectedText} | ${readText}` };
  }
  const found = llhttpDiffers(passed.fuzzed, { ours: again, messages: read, explained });
  return found === null ? null : { ...found, kind: `what goes on: ${found.kind}` };
}

function reframed(fuzzed: FuzzCase, { ours, messages }: Omit<Readings, 'explained'>): Disagreement | null {
  const found = reframedDiffers(fuzzed, ours.messages, messages);
  return found === null ? null : { ...found, kind: 'what is framed anew is another message' };
}

/** The next hop's connection is its own. */
function withoutConnection(message: Message): Message {
  return { ...message, keepAlive: true };
}
