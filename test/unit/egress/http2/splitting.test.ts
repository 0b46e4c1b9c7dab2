import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { outgoingField } from '../../../../src/egress/wire/http2/header-field.ts';
import { statusField } from '../../../../src/egress/wire/http2/outgoing-fields.ts';
import { errorCode, frameFlag, frameType, setting } from '../../../../src/egress/wire/http2/protocol.ts';
import {
  block,
  client,
  data,
  frame,
  framesIn,
  get,
  headers,
  number,
  opening,
  post,
  Recorder,
  settings,
} from './frames.ts';
import { isFreed } from './garbage.ts';

const open = frameFlag.endHeaders;
const pad = Buffer.concat([Buffer.from([3]), Buffer.from('padded'), Buffer.alloc(3)]);

/** One of everything that a client may send. */
const conversation = Buffer.concat([
  opening,
  settings([setting.initialWindowSize, 100_000], [setting.headerTableSize, 100]),
  headers(1, get),
  frame(frameType.headers, frameFlag.endStream | frameFlag.priority | frameFlag.padded, {
    id: 3,
    payload: Buffer.concat([Buffer.from([2, 0, 0, 0, 1, 7]), block(get.slice(0, 2)), Buffer.alloc(2)]),
  }),
  frame(frameType.continuation, 0, { id: 3, payload: block(get.slice(2, 3)) }),
  frame(frameType.continuation, 0, { id: 3 }),
  frame(frameType.continuation, open, { id: 3, payload: block(get.slice(3)) }),
  headers(5, [...post, ['content-length', '17']], open),
  data(5, 'first'),
  data(5, pad, frameFlag.padded),
  data(5, ''),
  number(frameType.windowUpdate, 0, 70_000),
  data(5, pad, frameFlag.padded | frameFlag.endStream),
  frame(0xfa, 0xff, { id: 1, payload: 'something unknown' }),
  frame(0xfb, 0, {}),
  frame(frameType.ping, 0, { payload: 'pingpong' }),
  headers(7, post, open),
  data(7, 'with trailers'),
  headers(7, [['x-sum', '1']]),
  headers(9, post, open),
  number(frameType.resetStream, 9, errorCode.cancel),
  frame(frameType.goaway, 0, { payload: 'xxxxxxxxdebug' }),
  headers(11, [...get, ['Bad', 'name']]),
  number(frameType.windowUpdate, 0, 0),
]);

/** What came of it: the events, and the frames that were written. */
function run(chunks: Buffer[]): unknown {
  const recorder = new Recorder({ now: () => 0 });
  recorder.onRequest = (stream) => {
    recorder.connection.respond(stream, [statusField(200), outgoingField('x-id', String(stream.id))], false);
    recorder.connection.sendData(stream, Buffer.from('answer'), true);
  };
  const written: Buffer[] = [];
  for (const chunk of chunks) {
    const lent = Buffer.from(chunk);
    recorder.connection.receive(lent);
    lent.fill(0x99);
    recorder.connection.flush((bytes) => written.push(Buffer.from(bytes)) > 0);
  }
  return { events: recorder.events, written: Buffer.concat(written) };
}

const whole = run([conversation]);

test('a conversation fed byte by byte is the same as one fed whole', () => {
  assert.ok(JSON.stringify(whole).includes('fault protocolError WINDOW_UPDATE by nothing'), 'it came to its end');
  assert.deepEqual(run(Array.from(conversation, (byte) => Buffer.from([byte]))), whole);
});

test('however a conversation is cut, it is the same', () => {
  for (let at = 0; at <= conversation.length; at++) {
    assert.deepEqual(run([conversation.subarray(0, at), conversation.subarray(at)]), whole);
  }
  fc.assert(
    fc.property(fc.array(fc.nat(conversation.length), { maxLength: 12 }), (cuts) => {
      const edges = [0, ...cuts.toSorted((a, b) => a - b), conversation.length];
      assert.deepEqual(run(edges.slice(1).map((edge, i) => conversation.subarray(edges[i], edge))), whole);
    }),
    { numRuns: 300 },
  );
});

test('a head of more than 16 KB leaves in HEADERS and CONTINUATION, and arrives', () => {
  const sender = client();
  const fields = [
    ...get.map(([name, value]) => outgoingField(name, value)),
    ...Array.from({ length: 12 }, (_, i) => outgoingField(`x-${i}`, 'v'.repeat(5000 + i))),
  ];
  sender.connection.request(fields, { handler: sender.handler, endStream: true, headOnly: false });
  const parts: Buffer[] = [];
  sender.connection.flush((lent) => parts.push(Buffer.from(lent)) > 0);
  const sent = framesIn(Buffer.concat(parts));
  assert.deepEqual(
    sent.map(({ type, flags }) => [type, flags]),
    [
      ['headers', frameFlag.endStream],
      ['continuation', 0],
      ['continuation', 0],
      ['continuation', open],
    ],
  );
  const receiver = new Recorder();
  receiver.take(opening, ...parts);
  assert.equal(receiver.events.at(-1), '1 GET a.example / end');
});

/** Bits, bytes and frames of the conversation that are changed, doubled, dropped or moved. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(conversation.length - 1), to: fc.nat(255) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(conversation.length - 1), to: fc.nat(40) }),
  fc.record({ kind: fc.constant('double' as const), at: fc.nat(conversation.length - 1), to: fc.nat(200) }),
  fc.record({ kind: fc.constant('length' as const), at: fc.nat(20), to: fc.nat(70_000) }),
);

test('a conversation that is changed anywhere is understood or refused, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 6 }), (mutations) => {
      let bytes = conversation;
      for (const { kind, at, to } of mutations) {
        if (kind === 'flip') {
          bytes = Buffer.from(bytes);
          bytes[at % bytes.length] = to;
        } else if (kind === 'cut') {
          bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + to)]);
        } else if (kind === 'double') {
          bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + to), bytes.subarray(at)]);
        } else {
          bytes = Buffer.from(bytes);
          const start = frameStarts[at % frameStarts.length] ?? 24;
          if (start + 3 <= bytes.length) bytes.writeUIntBE(to, start, 3);
        }
      }
      assert.deepEqual(run([bytes]), run(Array.from(bytes, (byte) => Buffer.from([byte]))));
    }),
    { numRuns: 1500 },
  );
});

const frameStarts: number[] = [];
for (let at = 24; at < conversation.length; at += 9 + conversation.readUIntBE(at, 3)) frameStarts.push(at);

/** Frames that are well-formed by themselves, in any order. */
const anyFrame = fc
  .record({
    type: fc.nat(10),
    flags: fc.constantFrom(0, 1, 4, 5, 8, 0x0d, 0x20, 0x25, 0x2d, 0xff),
    id: fc.constantFrom(0, 1, 2, 3, 5, 7, 9),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom(
        block(get),
        block(post),
        block([['a', 'b']]),
        block([[':status', '200']]),
        Buffer.from([0, 0, 0, 1]),
        Buffer.alloc(8),
        Buffer.alloc(6),
      ),
    ),
  })
  .map(({ type, flags, ...rest }) => frame(type, flags, rest));

test('frames in any order leave a connection in order: a server and a client', () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 25 }), fc.boolean(), (frames, isServer) => {
      const recorder = isServer ? new Recorder() : client();
      if (isServer) recorder.take(opening);
      else
        for (let i = 0; i < 3; i++)
          recorder.connection.request(
            get.map(([n, v]) => outgoingField(n, v)),
            { handler: recorder.handler, endStream: i === 0, headOnly: i === 1 },
          );
      recorder.onRequest = (stream) => recorder.connection.respond(stream, [statusField(200)], stream.id % 4 === 1);
      const ended = new Set<string>();
      for (const each of frames) {
        recorder.take(each);
        assert.ok(recorder.connection.openStreams <= 128);
      }
      for (const line of recorder.events) {
        const [id = '', what = ''] = line.split(' ');
        if (Number.isNaN(Number(id))) continue;
        assert.ok(!ended.has(id), `${line} after the end of its stream`);
        if (what === 'reset') ended.add(id);
      }
    }),
    { numRuns: 4000 },
  );
});

test('nothing that was lent is held once it has been read', async () => {
  const recorder = new Recorder();
  const receive = () => {
    const bytes = Buffer.concat([opening, headers(1, [...post, ['a', 'b']], open), data(1, 'x')]);
    const chunk = Buffer.from(new Uint8Array(bytes).buffer);
    recorder.connection.receive(chunk);
    return new WeakRef(chunk.buffer);
  };
  assert.ok(await isFreed(receive()));
  assert.equal(recorder.connection.openStreams, 1);
});
