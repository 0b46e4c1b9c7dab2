import { createRequire } from 'node:module';
import type { FuzzCase } from './fuzz-case.ts';
import { requestStart, responseStart } from './message.ts';
import type { Message } from './message.ts';

/** A message as llhttp read it. */
export interface TheirMessage extends Message {
  /** How much of the connection it had been given when it said that the message is complete; -1 before. */
  completeAt: number;
  /** How much when it said that the head is. */
  headAt: number;
}

export interface TheirReading {
  messages: TheirMessage[];
  /** llhttp's code and words, or null. */
  error: string | null;
}

/** Node's binding of llhttp, as `_http_common` exports it: nothing lenient unless it is asked for. */
interface Parser {
  [event: number]: ((...values: never[]) => unknown) | null;
  initialize(type: number, resource: object, maxHeaderBytes: number, lenientFlags: number): void;
  execute(bytes: Buffer): number | Error;
  finish(): number | Error | undefined;
}
interface ParserClass {
  new (): Parser;
  REQUEST: number;
  RESPONSE: number;
  kOnHeaders: number;
  kOnHeadersComplete: number;
  kOnBody: number;
  kOnMessageComplete: number;
  kLenientNone: number;
}
interface HttpCommon {
  HTTPParser: ParserClass;
  methods: readonly string[];
}

const { HTTPParser, methods }: HttpCommon = createRequire(import.meta.url)('_http_common');

/** The methods that llhttp knows: it refuses every other token. */
export const knownMethods: ReadonlySet<string> = new Set(methods);
/** Their names by llhttp's numbers. */
const methodNames = new Map<number, string>();

const maxHeaderBytes = 1 << 20;
const resource = {};
const parser = new HTTPParser();
let reading: TheirReading = { messages: [], error: null };
let asked: readonly string[] = [];
let answered = 0;
let given = 0;
let current: TheirMessage | null = null;
let headFields: string[] = [];
let headUrl = '';

parser[HTTPParser.kOnHeaders] = (fields: string[], url: string) => {
  // Before the head is complete: more than 32 lines come in pieces. After it: trailers.
  if (current === null) {
    headFields.push(...fields);
    headUrl += url;
  } else {
    current.trailers = current.trailers.concat(fields);
  }
};
parser[HTTPParser.kOnHeadersComplete] = (
  ...[, minor, fields, method, url, status, reason, upgrade, keepAlive]: [
    major: number,
    minor: number,
    fields: string[] | undefined,
    method: number | undefined,
    url: string | undefined,
    status: number | undefined,
    reason: string | undefined,
    upgrade: boolean,
    keepAlive: boolean,
  ]
) => {
  const target = url ?? headUrl;
  const start =
    status === undefined
      ? requestStart({ method: methodNames.get(method ?? -1) ?? '', target, minor })
      : responseStart({ status, minor, reason: reason ?? '' });
  current = {
    start,
    fields: fields ?? headFields,
    content: '',
    trailers: [],
    complete: false,
    keepAlive,
    upgrade,
    headAt: given,
    completeAt: -1,
  };
  headFields = [];
  headUrl = '';
  reading.messages.push(current);
  if (status === undefined || (status < 200 && status !== 101)) return 0;
  if (asked[answered++] !== 'HEAD') return 0;
  // Said before it knows that no content follows; it shows in what it makes of the bytes after it.
  current.keepAlive = true;
  return 1;
};
parser[HTTPParser.kOnBody] = (bytes: Buffer) => {
  if (current !== null) current.content += bytes.toString('latin1');
};
parser[HTTPParser.kOnMessageComplete] = () => {
  if (current === null) return;
  current.complete = true;
  current.completeAt = given;
  current = null;
};

for (const name of methods) {
  parser.initialize(HTTPParser.REQUEST, resource, maxHeaderBytes, HTTPParser.kLenientNone);
  const onHead = parser[HTTPParser.kOnHeadersComplete] ?? null;
  parser[HTTPParser.kOnHeadersComplete] = (...[, , , method]: [unknown, unknown, unknown, number]) => {
    methodNames.set(method, name);
    return 0;
  };
  parser.execute(Buffer.from(`${name} ${name === 'CONNECT' ? 'a:1' : '/'} HTTP/1.1\r\nHost: a\r\n\r\n`, 'latin1'));
  parser[HTTPParser.kOnHeadersComplete] = onHead;
}

/** Reads a connection with strict llhttp, split at `ends` (the last one is its length). */
export function readTheirs({ side, bytes, methods: answers }: FuzzCase, ends: readonly number[]): TheirReading {
  reading = { messages: [], error: null };
  asked = answers;
  answered = 0;
  current = null;
  headFields = [];
  headUrl = '';
  const type = side === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE;
  parser.initialize(type, resource, maxHeaderBytes, HTTPParser.kLenientNone);
  let start = 0;
  for (const end of ends) {
    given = end;
    const result = parser.execute(bytes.subarray(start, end));
    if (typeof result !== 'number') {
      reading.error = describe(result);
      return reading;
    }
    // It stops where another protocol begins.
    if (reading.messages.at(-1)?.upgrade === true) return reading;
    start = end;
  }
  const finished = parser.finish();
  if (finished instanceof Error) reading.error = describe(finished);
  return reading;
}

function describe(error: Error): string {
  const code = 'code' in error ? String(error.code) : error.name;
  const reason = 'reason' in error ? String(error.reason) : error.message;
  return `${code}: ${reason}`;
}
