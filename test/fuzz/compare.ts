import type { TheirReading } from './llhttp.ts';
import type { Message } from './message.ts';
import type { OurReading } from './our-reader.ts';

/** Two readers that took the same bytes for different messages, or one that refuses what the other passes on. */
export interface Disagreement {
  /** Which check failed, in words that are the same for every case of its kind. */
  kind: string;
  /** Index of the message in the connection. */
  message: number;
  /** Both sides, to be read by a person. */
  detail: string;
}

const parts = ['start', 'fields', 'trailers', 'upgrade'] as const;

/**
 * Where we pass on what llhttp refuses, or what it reads as something else. That we refuse what it takes is no
 * disagreement: then nothing goes on.
 */
export function compare(
  ours: OurReading,
  { messages, theirs }: { messages: readonly Message[]; theirs: TheirReading },
): Disagreement | null {
  for (const [index, message] of messages.entries()) {
    const found = compareMessage(message, { ours, theirs, index });
    if (found !== null) return { ...found, message: index };
  }
  const more = theirs.messages[messages.length];
  if (ours.state !== 'open' || more === undefined) return null;
  return { kind: 'llhttp sees one message more', message: messages.length, detail: more.start };
}

function compareMessage(
  message: Message,
  { ours, theirs, index }: { ours: OurReading; theirs: TheirReading; index: number },
): { kind: string; detail: string } | null {
  const their = theirs.messages[index];
  if (their === undefined) {
    if (theirs.error !== null) return { kind: `llhttp refuses: ${theirs.error}`, detail: message.start };
    return { kind: 'llhttp sees no such message', detail: message.start };
  }
  const isRefused = isRefusal(theirs);
  if (message.complete && !their.complete) {
    const what = isRefused ? 'refuses' : 'waits for more of';
    return { kind: `llhttp ${what} its content: ${theirs.error ?? ''}`, detail: message.start };
  }
  for (const part of parts) {
    if (part === 'trailers' && !message.complete) continue;
    const ourPart = JSON.stringify(message[part]);
    const theirPart = JSON.stringify(their[part]);
    if (ourPart !== theirPart) return { kind: `another ${part}`, detail: `ours ${ourPart}, llhttp's ${theirPart}` };
  }
  if (message.complete) {
    if (message.content !== their.content) {
      return { kind: 'another content', detail: JSON.stringify([message.content, their.content]) };
    }
    if (message.keepAlive && !their.keepAlive && !message.upgrade) {
      return { kind: 'we keep the connection, llhttp does not', detail: message.start };
    }
    return null;
  }
  // What was refused on its way was cut off: the next hop cannot take it for whole.
  if (ours.state === 'refused') return null;
  // Trailers that are withheld were not passed on, whatever will be said of them.
  if (isRefused) {
    return ours.waiting ? null : { kind: `llhttp refuses its content: ${theirs.error ?? ''}`, detail: message.start };
  }
  if (!message.content.startsWith(their.content) && !their.content.startsWith(message.content)) {
    return { kind: 'another beginning of content', detail: JSON.stringify([message.content, their.content]) };
  }
  if (their.complete) return { kind: 'llhttp takes it for whole', detail: message.start };
  return null;
}

/** Not the bare end of the bytes in the middle of a message. */
function isRefusal({ error }: TheirReading): boolean {
  return error !== null && !error.startsWith('HPE_INVALID_EOF_STATE');
}
