import { Buffer } from 'node:buffer';
import { Http1Answer } from '../../src/egress/http1-answer.ts';
import type { FuzzCase } from './fuzz-case.ts';
import { readTheirs } from './llhttp.ts';
import type { Message } from './message.ts';
import { isInterim } from './our-reader.ts';
import type { OurMessage } from './our-reader.ts';

/**
 * Answers that are searched for values are framed anew. What is wrong with what llhttp reads of them then, or null: each
 * must have the same content and trailers, end where it ends, and leave the connection open for the next.
 */
export function reframedDiffers(
  { side, methods }: FuzzCase,
  ours: readonly OurMessage[],
  messages: readonly Message[],
): { message: number; detail: string } | null {
  if (side === 'request') return null;
  let answered = 0;
  for (const [index, our] of ours.entries()) {
    const message = messages[index];
    if (message === undefined || !our.complete) return null;
    if (!('status' in our.head) || isInterim(our.head) || our.head.status === 101) continue;
    const method = methods[answered++] ?? 'GET';
    const written: Buffer[] = [];
    const answer = new Http1Answer({ write: (bytes) => written.push(Buffer.from(bytes)) > 0 }, 1);
    const hasContent = our.head.framing.kind !== 'none';
    answer.head(our.head, { content: hasContent ? 'open' : 'none', closes: false });
    // In two pieces, as it may come.
    const content = Buffer.from(message.content, 'latin1');
    const middle = content.length >> 1;
    for (const piece of [content.subarray(0, middle), content.subarray(middle)]) {
      if (hasContent && piece.length > 0) answer.content(piece);
    }
    answer.end(our.trailers);
    written.push(next);
    const fuzzed: FuzzCase = { side, bytes: Buffer.concat(written), methods: [method, 'GET'], cuts: [] };
    const read = readTheirs(fuzzed, [fuzzed.bytes.length]);
    const [first, second] = read.messages;
    const seen = JSON.stringify([first?.content, first?.trailers, first?.complete, second?.start, read.error]);
    const wanted = JSON.stringify([message.content, message.trailers, true, '200 1.1 next', null]);
    if (seen !== wanted) return { message: index, detail: `${wanted} | ${seen}` };
  }
  return null;
}

const next = Buffer.from('HTTP/1.1 200 next\r\nContent-Length: 0\r\n\r\n', 'latin1');
