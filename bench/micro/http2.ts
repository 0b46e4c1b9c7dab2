import { maxHeadBytes } from '../../src/egress/wire/head-end.ts';
import type { ConnectionHandler } from '../../src/egress/wire/http2/connection-handler.ts';
import { Http2Connection } from '../../src/egress/wire/http2/connection.ts';
import { ConnectionFault } from '../../src/egress/wire/http2/fault.ts';
import { outgoingField, secretField } from '../../src/egress/wire/http2/header-field.ts';
import type { HeaderField } from '../../src/egress/wire/http2/header-field.ts';
import { HpackDecoder } from '../../src/egress/wire/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../src/egress/wire/http2/hpack-encoder.ts';
import { requestFields } from '../../src/egress/wire/http2/outgoing-fields.ts';
import { Output } from '../../src/egress/wire/http2/output.ts';
import { readRequestFields } from '../../src/egress/wire/http2/request-fields.ts';
import { requestHead } from '../../src/egress/wire/http2/request-head.ts';
import type { Http2Stream, StreamHandler } from '../../src/egress/wire/http2/stream.ts';
import { WireError } from '../../src/egress/wire/wire-error.ts';

/** What HTTP/2 costs: header blocks, the way to a head and back, and whole streams. Prints nanoseconds, the median of several rounds. */
const request = fieldsOf([
  [':method', 'POST'],
  [':scheme', 'https'],
  [':authority', 'api.anthropic.com'],
  [':path', '/v1/messages?beta=true'],
  ['accept', 'application/json'],
  ['content-type', 'application/json'],
  ['user-agent', 'Anthropic/JS 1.12.0'],
  ['x-stainless-retry-count', '0'],
  ['x-stainless-timeout', '600'],
  ['x-stainless-lang', 'js'],
  ['x-stainless-package-version', '1.12.0'],
  ['x-stainless-os', 'Linux'],
  ['x-stainless-arch', 'x64'],
  ['x-stainless-runtime', 'node'],
  ['x-stainless-runtime-version', 'v26.0.0'],
  ['x-api-key', `sk-ant-api03-${'s'.repeat(95)}`],
  ['anthropic-version', '2023-06-01'],
  ['accept-encoding', 'gzip, deflate'],
  ['content-length', '812'],
]);
const response = fieldsOf([
  [':status', '200'],
  ['date', 'Mon, 23 Nov 2026 15:00:00 GMT'],
  ['content-type', 'application/json'],
  ['content-length', '1204'],
  ['request-id', 'req_011CSHoEeqs5C35K2UUqR7Fy'],
  ['strict-transport-security', 'max-age=31536000; includeSubDomains; preload'],
  ['anthropic-organization-id', 'e5b2e8c4-0d41-4e0b-a0b4-1f7d1a6b5b8e'],
  ['via', '1.1 google'],
  ['cf-cache-status', 'DYNAMIC'],
  ['server', 'cloudflare'],
]);

function fieldsOf(pairs: readonly (readonly [string, string])[]): HeaderField[] {
  return pairs.map(([name, value]) => outgoingField(name, value));
}

function decoded(decoder: HpackDecoder, block: Buffer): HeaderField[] {
  const fields = decoder.decode(block, 0, block.length);
  if (fields instanceof ConnectionFault) throw new Error(fields.reason);
  return fields;
}

/** The block that comes when the tables have seen such a head before. */
function steadyBlock(fields: HeaderField[], decoder: HpackDecoder): Buffer {
  const encoder = new HpackEncoder();
  const out = new Output();
  let block = Buffer.alloc(0);
  for (let i = 0; i < 3; i++) {
    out.size = 0;
    encoder.encode(fields, out);
    block = Buffer.from(out.bytes.subarray(0, out.size));
    if (i < 2) decoded(decoder, block);
  }
  return block;
}

function headOf(fields: HeaderField[]) {
  const read = readRequestFields(fields);
  const head =
    read instanceof WireError
      ? read
      : requestHead(read, { endStream: false, scheme: 'https', webSocketKey: '', maxBytes: maxHeadBytes });
  if (head instanceof WireError) throw new Error(head.reason);
  return head;
}

const requestDecoder = new HpackDecoder();
const requestBlock = steadyBlock(request, requestDecoder);
const responseDecoder = new HpackDecoder();
const responseBlock = steadyBlock(response, responseDecoder);
const upstream = new HpackEncoder();
const client = new HpackEncoder();
const fresh = new HpackEncoder();
const out = new Output();
const came = decoded(requestDecoder, requestBlock);
const credential = Buffer.from('sk-ant-api03-'.padEnd(108, 'v'));
const path = outgoingField(':path', '/v1/messages?beta=true');

let turn = 0;

const work: Record<string, () => unknown> = {
  [`request: decode (${requestBlock.length} bytes)`]: () => decoded(requestDecoder, requestBlock),
  'request: encode': () => encode(upstream, came),
  'request: decode, encode': () => encode(upstream, decoded(requestDecoder, requestBlock)),
  'request: encode, fields last seen by another': () => encode(turn++ % 2 === 0 ? upstream : fresh, came),
  'request: decode, judge, as head of HTTP/1.1': () => headOf(decoded(requestDecoder, requestBlock)),
  'request: the same, credential set, encode': () => {
    const head = headOf(decoded(requestDecoder, requestBlock));
    const fields = requestFields(head, {
      scheme: 'https',
      authority: 'api.anthropic.com',
      path,
      drop: (line) => head.lines.isNamedAbout(line, 'x-api-key'),
      insert: [{ line: 12, fields: [secretField('x-api-key', credential)] }],
    });
    encode(upstream, fields);
  },
  [`answer: decode (${responseBlock.length} bytes)`]: () => decoded(responseDecoder, responseBlock),
  'answer: decode, encode': () => encode(client, decoded(responseDecoder, responseBlock)),
  'stream: request, answer of 1 KB, both ends': wholeStreams(1024),
  'stream: request, answer of 16 KB, both ends': wholeStreams(16 * 1024),
  'stream: request, answer of 1 MB, both ends': wholeStreams(1024 * 1024),
};

function encode(encoder: HpackEncoder, fields: readonly HeaderField[]): void {
  out.size = 0;
  encoder.encode(fields, out);
}

/** Both ends of a connection, with nothing but memory in between. */
function wholeStreams(size: number): () => void {
  const body = Buffer.alloc(size);
  let pending = size;
  const clientStream: StreamHandler = {
    onInterim: () => {},
    onResponse: () => {},
    onData: (stream, bytes) => clientEnd.consume(stream, bytes.length),
    onTrailers: () => {},
    onWritable: () => {},
    onReset: (_stream, { reason }) => {
      throw new Error(reason);
    },
  };
  const serverStream: StreamHandler = {
    ...clientStream,
    onData: (stream, bytes) => serverEnd.consume(stream, bytes.length),
    onWritable: send,
  };
  const events = (onRequest: ConnectionHandler['onRequest']): ConnectionHandler => ({
    onRequest,
    onMalformed: () => {},
    onOutput: () => {},
    onReady: () => {},
    onGoaway: () => {},
    onIdle: () => {},
    onPong: () => {},
    onFault: ({ reason }) => {
      throw new Error(reason);
    },
  });
  const serverEnd = new Http2Connection({
    role: 'server',
    handler: events((stream) => {
      serverEnd.respond(stream, response1, false);
      pending = size;
      send(stream);
      return serverStream;
    }),
  });
  const clientEnd = new Http2Connection({ role: 'client', handler: events(() => clientStream) });
  function send(stream: Http2Stream): void {
    for (let more = true; more && pending > 0;) {
      const part = body.subarray(0, Math.min(pending, 64 * 1024));
      pending -= part.length;
      more = serverEnd.sendData(stream, part, pending === 0);
    }
  }
  const response1 = response.filter(({ name }) => name !== 'content-length');
  const request1 = request.filter(({ name }) => name !== 'content-length');
  const exchange = () => {
    for (let moved = true; moved;) {
      moved = false;
      clientEnd.flush((lent) => {
        moved = true;
        serverEnd.receive(lent);
        return true;
      });
      serverEnd.flush((lent) => {
        moved = true;
        clientEnd.receive(lent);
        return true;
      });
    }
  };
  exchange();
  return () => {
    clientEnd.request(request1, { handler: clientStream, endStream: true, headOnly: false });
    exchange();
    if (clientEnd.openStreams > 0) throw new Error('the stream did not end');
  };
}

const only = process.argv[2] ?? '';
for (const [name, each] of Object.entries(work).filter(([key]) => key.includes(only))) {
  const count = name.includes('1 MB') ? 500 : 20_000;
  for (let i = 0; i < count; i++) each();
  const rounds = Array.from({ length: 7 }, () => time(each, count)).toSorted((a, b) => a - b);
  process.stdout.write(`${name.padEnd(48)} ${(rounds[3] ?? 0).toFixed(0).padStart(8)} ns\n`);
}

function time(each: () => unknown, count: number): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) each();
  return Number(process.hrtime.bigint() - start) / count;
}
