import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Random } from '../fuzz/random.ts';
import { upstreamMark } from './behaviours.ts';
import type { Behaviour } from './behaviours.ts';
import { download, encoded, sprinkled } from './echo-content.ts';

/** What an upstream answers, in the words of neither version of HTTP. */
export interface PlannedAnswer {
  headers: Record<string, string>;
  /** A 103 before it. */
  interim?: Record<string, string>;
  trailers?: Record<string, string>;
  /** Where its length is announced; otherwise it goes in pieces of unknown number. */
  length: number | null;
  content: AsyncIterable<Buffer>;
  /** `reset` breaks off after the content, `cut` closes in order though more was announced. */
  ending: 'end' | 'reset' | 'cut';
  /** Breaks off in the middle of the head, where the version knows such a thing. */
  headless?: boolean;
  /** One byte a write. */
  trickled?: boolean;
}

/** What the answer is made of. */
export interface Question {
  /** As the request had it, without its scheme; empty where it had none. */
  credential: string;
  content: Promise<Buffer>;
  random: Random;
}

const eventCount = 8;
const eventIntervalMs = 150;

/** What each behaviour answers, but for `socket`, which only HTTP/1.1 has here. */
export const answers: Record<Exclude<Behaviour, 'socket'>, (question: Question) => PlannedAnswer> = {
  empty: () => whole(''),
  'echo-head': ({ credential }) => whole('', { 'x-echo': credential, 'x-note': `token="${credential}" was used` }),
  'echo-body': ({ credential }) => whole(sprinkled(credential, 6_000)),
  'echo-gzip': ({ credential }) => whole(gzipSync(sprinkled(credential, 30_000)), { 'content-encoding': 'gzip' }),
  'echo-encoded': ({ credential }) => whole(encoded(credential), { 'content-type': 'application/json' }),
  'echo-interim': ({ credential }) => ({ ...whole(credential), interim: { 'x-echo': credential } }),
  'echo-trailers': ({ credential }) => ({
    ...pieces([`first ${credential.slice(0, 9)}`, credential.slice(9), ' last']),
    trailers: { 'x-echo': credential },
  }),
  reset: () => ({ ...whole(''), headless: true, ending: 'reset' }),
  'reset-head': () => ({ ...whole(''), headless: true, ending: 'reset' }),
  'reset-body': ({ credential }) => ({ ...whole(sprinkled(credential, 40_000)), length: 100_000, ending: 'reset' }),
  half: ({ credential }) => ({ ...whole(sprinkled(credential, 5_000)), length: 20_000, ending: 'cut' }),
  trickle: ({ credential }) => ({ ...whole(`a ${credential} z`), trickled: true }),
  // Some of them past the time that the server waits for a first byte.
  silent: ({ credential, random }) => {
    const content = Buffer.from(credential);
    return { ...whole(content), content: late(content, 500 + random.below(6_000)) };
  },
  upload: ({ content }) => ({ ...whole(''), length: 64, content: digestOf(content) }),
  download: ({ credential }) => whole(download(credential, { gzip: false })),
  'download-gzip': ({ credential }) => whole(download(credential, { gzip: true }), { 'content-encoding': 'gzip' }),
  events: ({ credential }) => ({
    ...whole('', { 'content-type': 'text/event-stream' }),
    length: null,
    content: events(credential),
  }),
};

function whole(text: string | Buffer, headers: Record<string, string> = {}): PlannedAnswer {
  const content = Buffer.from(text);
  return {
    headers: { [upstreamMark]: '1', ...headers },
    length: content.length,
    content: late(content, 0),
    ending: 'end',
  };
}

function pieces(texts: string[]): PlannedAnswer {
  return { ...whole(''), length: null, content: each(texts) };
}

async function* each(texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) if (text !== '') yield Buffer.from(text);
}

/** Nothing of the answer goes out before the first piece is there. */
async function* late(content: Buffer, afterMs: number): AsyncGenerator<Buffer> {
  if (afterMs > 0) await delay(afterMs);
  if (content.length > 0) yield content;
}

async function* digestOf(content: Promise<Buffer>): AsyncGenerator<Buffer> {
  yield Buffer.from(
    createHash('sha256')
      .update(await content)
      .digest('hex'),
  );
}

async function* events(credential: string): AsyncGenerator<Buffer> {
  for (let count = 0; count < eventCount; count++) {
    yield Buffer.from(`id: ${count}\ndata: ${credential}\n\n`);
    await delay(eventIntervalMs);
  }
}
