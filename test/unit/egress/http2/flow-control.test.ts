import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { outgoingField } from '../../../../src/egress/wire/http2/header-field.ts';
import { statusField } from '../../../../src/egress/wire/http2/outgoing-fields.ts';
import { errorCode, frameFlag, frameType, setting } from '../../../../src/egress/wire/http2/protocol.ts';
import type { Http2Stream } from '../../../../src/egress/wire/http2/stream.ts';
import {
  data,
  frame,
  framesIn,
  get,
  headers,
  number,
  opening,
  post,
  Recorder,
  resets,
  server,
  settings,
} from './frames.ts';
import { isFreed } from './garbage.ts';
import type { Sent } from './frames.ts';

const open = frameFlag.endHeaders;
const windows = { receiveWindow: { stream: 65_535, connection: 100_000 } };

/** The lengths of the DATA frames, each after its stream. */
function contents(sent: Sent[]): string[] {
  return sent
    .filter(({ type }) => type === 'data')
    .map(({ id, payload, flags }) => `${id}: ${payload.length}${(flags & 1) === 1 ? ' end' : ''}`);
}

function updates(sent: Sent[]): string[] {
  return sent
    .filter(({ type }) => type === 'windowUpdate')
    .map(({ id, payload }) => `${id} +${payload.readUInt32BE()}`);
}

/** A server whose peer has this initial window, with a head sent on each stream. */
function answering(window: number, streams: number[]): { recorder: Recorder; of: (id: number) => Http2Stream } {
  const recorder = new Recorder();
  recorder.take(opening.subarray(0, 24), settings([setting.initialWindowSize, window]));
  recorder.onRequest = (stream) => recorder.connection.respond(stream, [statusField(200)], false);
  recorder.take(...streams.map((id) => headers(id, get)));
  const of = (id: number) => {
    const stream = recorder.streams.get(id);
    assert.ok(stream);
    return stream;
  };
  return { recorder, of };
}

test('content is cut to frames of 16 KB and to the window of the stream, and goes on as that opens', () => {
  const { recorder, of } = answering(20_000, [1]);
  let writable = 0;
  recorder.onWritable = () => writable++;
  const content = Buffer.alloc(30_000, 'c');
  assert.equal(recorder.connection.sendData(of(1), content, false), false);
  content.fill('x');
  assert.deepEqual(contents(recorder.flush()), ['1: 16384', '1: 3616']);
  assert.deepEqual(contents(recorder.take(number(frameType.windowUpdate, 1, 5000))), ['1: 5000']);
  assert.equal(writable, 0);
  const rest = recorder.take(number(frameType.windowUpdate, 1, 6000));
  assert.deepEqual(contents(rest), ['1: 5000']);
  assert.equal(rest[0]?.payload.toString(), 'c'.repeat(5000), 'what was lent had been copied');
  assert.equal(writable, 1);
  assert.equal(recorder.connection.sendData(of(1), Buffer.alloc(1000), true), true);
  assert.deepEqual(contents(recorder.flush()), ['1: 1000 end']);
});

test('the end of a stream waits for its content, and so do its trailers', () => {
  const { recorder, of } = answering(10, [1, 3]);
  recorder.connection.sendData(of(1), Buffer.alloc(15), true);
  recorder.connection.sendData(of(3), Buffer.alloc(15), false);
  recorder.connection.sendTrailers(of(3), [outgoingField('grpc-status', '0')]);
  assert.deepEqual(contents(recorder.flush()), ['1: 10', '3: 10']);
  const sent = recorder.take(number(frameType.windowUpdate, 1, 9), number(frameType.windowUpdate, 3, 9));
  assert.deepEqual(
    sent.map(({ type, id, flags }) => [type, id, flags & 1]),
    [
      ['data', 1, 1],
      ['data', 3, 0],
      ['headers', 3, 1],
    ],
  );
  assert.equal(recorder.connection.openStreams, 0);
});

test('an end without content needs no window', () => {
  const { recorder, of } = answering(0, [1, 3]);
  assert.equal(recorder.connection.sendData(of(1), Buffer.alloc(0), true), true);
  recorder.connection.sendTrailers(of(3), []);
  assert.deepEqual(
    recorder.flush().map(({ type, id, flags }) => [type, id, flags & 1]),
    [
      ['data', 1, 1],
      ['headers', 3, 1],
    ],
  );
});

test('streams share the window of the connection a frame each in turn', () => {
  const { recorder, of } = answering(1_000_000, [1, 3, 5]);
  for (const id of [1, 3, 5]) recorder.connection.sendData(of(id), Buffer.alloc(60_000), true);
  assert.deepEqual(contents(recorder.flush()), ['1: 16384', '1: 16384', '1: 16384', '1: 10848 end', '3: 5535']);
  const sent = recorder.take(number(frameType.windowUpdate, 0, 65_536));
  assert.deepEqual(contents(sent), ['3: 16384', '5: 16384', '3: 16384', '5: 16384']);
});

test('a smaller initial window may make a window negative, and it counts up from there', () => {
  const { recorder, of } = answering(1000, [1]);
  recorder.connection.sendData(of(1), Buffer.alloc(2000), true);
  assert.deepEqual(contents(recorder.flush()), ['1: 1000']);
  assert.deepEqual(contents(recorder.take(settings([setting.initialWindowSize, 400]))), []);
  assert.deepEqual(contents(recorder.take(number(frameType.windowUpdate, 1, 600))), []);
  assert.deepEqual(contents(recorder.take(number(frameType.windowUpdate, 1, 1))), ['1: 1']);
  assert.deepEqual(contents(recorder.take(settings([setting.initialWindowSize, 10_000]))), ['1: 999 end']);
});

test('while the socket takes nothing, content gathers up to a limit and the rest waits in its stream', () => {
  const { recorder, of } = answering(10_000_000, [1]);
  recorder.take(number(frameType.windowUpdate, 0, 10_000_000));
  recorder.connection.sendData(of(1), Buffer.alloc(10), false);
  recorder.connection.flush(() => false);
  let given = 10;
  while (recorder.connection.sendData(of(1), Buffer.alloc(10_000), false)) given += 10_000;
  assert.ok(given < 100_000, `${given} bytes were taken`);
  const written: number[] = [];
  recorder.connection.flush((lent) => written.push(lent.length) > 0);
  assert.equal(written.length, 0, 'a socket that is full is not written to');
  recorder.connection.drained();
  recorder.connection.flush((lent) => written.push(lent.length) > 0);
  assert.ok(written.reduce((sum, each) => sum + each, 0) >= given);
});

test('the peer gets its room back as content is taken, and not before', () => {
  const recorder = server(windows);
  recorder.onData = () => {};
  const sent = recorder.take(
    headers(1, post, open),
    data(1, Buffer.alloc(16_000)),
    data(1, Buffer.alloc(16_000)),
    data(1, Buffer.alloc(16_000)),
  );
  assert.deepEqual(updates(sent), []);
  const stream = recorder.streams.get(1);
  assert.ok(stream);
  recorder.connection.consume(stream, 30_000);
  assert.deepEqual(updates(recorder.flush()), [], 'less than half of the window');
  recorder.connection.consume(stream, 10_000);
  assert.deepEqual(updates(recorder.flush()), ['1 +40000']);
  recorder.connection.consume(stream, 1_000_000);
  assert.deepEqual(updates(recorder.take(data(1, Buffer.alloc(10_000)))), [], 'no more is given back than came');
  recorder.connection.consume(stream, 10_000);
  assert.deepEqual(updates(recorder.flush()), ['0 +58000']);
});

test('a peer that sends more than the window of a stream has it reset, more than that of the connection ends', () => {
  const recorder = server(windows);
  recorder.onData = () => {};
  const chunk = Buffer.alloc(16_000);
  const full = Array.from({ length: 4 }, () => data(1, chunk));
  assert.deepEqual(resets(recorder.take(headers(1, post, open), ...full, data(1, Buffer.alloc(1535)))), []);
  assert.deepEqual(resets(recorder.take(data(1, 'x'))), ['1 flowControlError']);
  const many = server(windows);
  many.onData = () => {};
  many.take(headers(1, post, open), headers(3, post, open), ...full, data(3, chunk), data(3, chunk));
  assert.equal(Recorder.fault(many.take(data(3, Buffer.alloc(4001)))), 'flowControlError');
});

test('padding counts in the windows and is given back by itself', () => {
  const recorder = server(windows);
  recorder.onData = () => {};
  const padded = data(1, Buffer.concat([Buffer.from([255]), Buffer.from('a'), Buffer.alloc(255)]), frameFlag.padded);
  const sent = recorder.take(headers(1, post, open), ...Array.from({ length: 200 }, () => padded));
  assert.deepEqual(updates(sent), ['1 +32768', '0 +50176']);
});

test('content that nobody wants any more is given back to the connection', () => {
  const recorder = server(windows);
  recorder.onData = () => {};
  const chunk = data(1, Buffer.alloc(16_000));
  recorder.take(headers(1, post, open), chunk, chunk);
  const stream = recorder.streams.get(1);
  assert.ok(stream);
  recorder.connection.reset(stream, errorCode.cancel);
  assert.deepEqual(updates(recorder.take(chunk, chunk)), ['0 +64000']);
  const ended = server(windows);
  ended.onData = () => {};
  ended.onRequest = (each) => ended.connection.respond(each, [statusField(200)], true);
  ended.take(headers(1, post, open), chunk, chunk, chunk, data(1, Buffer.alloc(10_000), 1));
  for (const each of ended.streams.values()) ended.connection.reset(each, errorCode.noError);
  assert.deepEqual(updates(ended.flush()), ['0 +58000'], 'of a stream that ended, too');
});

test('a reset within a DATA frame lets the rest of it pass by, and loses none of the window', () => {
  const recorder = server(windows);
  recorder.onData = (stream) => recorder.connection.reset(stream, errorCode.cancel);
  const whole = Buffer.concat([headers(1, post, open), data(1, Buffer.alloc(16_000))]);
  recorder.take(whole.subarray(0, whole.length - 9000));
  const sent = recorder.take(
    whole.subarray(whole.length - 9000),
    ...Array.from({ length: 3 }, () => data(1, Buffer.alloc(16_000))),
  );
  assert.deepEqual(updates(sent), ['0 +64000']);
});

test('everything that is sent arrives once and in order, however windows, sockets and streams interleave', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('send' as const), stream: fc.nat(3), size: fc.nat(40_000) }),
    fc.record({ kind: fc.constant('window' as const), stream: fc.nat(4), size: fc.integer({ min: 1, max: 50_000 }) }),
    fc.record({ kind: fc.constant('flush' as const), full: fc.boolean() }),
    fc.record({ kind: fc.constant('drained' as const) }),
  );
  fc.assert(
    fc.property(fc.nat(30_000), fc.array(step, { maxLength: 60 }), (window, steps) => {
      const ids = [1, 3, 5, 7];
      const { recorder, of } = answering(window, ids);
      const given = new Map(ids.map((id) => [id, 0]));
      const came = new Map(ids.map((id) => [id, 0]));
      const room = new Map([0, ...ids].map((id) => [id, id === 0 ? 65_535 : window]));
      const take = (sent: Sent[]) => {
        for (const { type, id, payload } of sent) {
          if (type !== 'data') continue;
          for (const byte of payload) {
            const at = came.get(id) ?? 0;
            assert.equal(byte, (at * 7 + id) & 0xff);
            came.set(id, at + 1);
          }
          for (const each of [0, id]) {
            room.set(each, (room.get(each) ?? 0) - payload.length);
            assert.ok((room.get(each) ?? -1) >= 0, 'a window was not kept to');
          }
        }
      };
      const parts: Buffer[] = [];
      for (const each of steps) {
        if (each.kind === 'send') {
          const id = ids[each.stream] ?? 1;
          const from = given.get(id) ?? 0;
          const bytes = Buffer.from(Array.from({ length: each.size }, (_, i) => ((from + i) * 7 + id) & 0xff));
          recorder.connection.sendData(of(id), bytes, false);
          bytes.fill(0);
          given.set(id, from + each.size);
        } else if (each.kind === 'window') {
          const id = [0, ...ids][each.stream] ?? 0;
          room.set(id, (room.get(id) ?? 0) + each.size);
          recorder.connection.receive(number(frameType.windowUpdate, id, each.size));
        } else if (each.kind === 'drained') {
          recorder.connection.drained();
        } else {
          recorder.connection.flush((lent) => {
            parts.push(Buffer.from(lent));
            return !each.full;
          });
        }
      }
      recorder.connection.drained();
      for (const id of [0, ...ids]) {
        room.set(id, (room.get(id) ?? 0) + 10_000_000);
        recorder.connection.receive(number(frameType.windowUpdate, id, 10_000_000));
      }
      for (const id of ids) recorder.connection.sendData(of(id), Buffer.alloc(0), true);
      recorder.connection.flush((lent) => parts.push(Buffer.from(lent)) > 0);
      take(framesIn(Buffer.concat(parts)));
      assert.deepEqual(came, given);
      assert.equal(recorder.connection.openStreams, 0);
    }),
    { numRuns: 60 },
  );
});

test('a window that is opened again and again for little content stays whole', () => {
  const recorder = server(windows);
  recorder.take(headers(1, post, open));
  for (let i = 0; i < 2000; i++) assert.equal(Recorder.fault(recorder.take(data(1, Buffer.alloc(500)))), undefined);
  assert.equal(Recorder.fault(recorder.take(frame(frameType.ping, 0, { payload: Buffer.alloc(8) }))), undefined);
});

test(
  'a stream that was reset is not held, though its content waited for a window that never opens',
  { timeout: 20_000 },
  async () => {
    const { recorder, of } = answering(1_000_000, [1, 3, 5, 7]);
    recorder.connection.sendData(of(1), Buffer.alloc(65_535), true);
    recorder.flush();
    for (const id of [3, 5, 7]) recorder.connection.sendData(of(id), Buffer.alloc(10), true);
    const resetOne = () => {
      const ref = new WeakRef(of(5));
      recorder.take(number(frameType.resetStream, 5, errorCode.cancel));
      recorder.streams.delete(5);
      return ref;
    };
    assert.ok(await isFreed(resetOne()));
    const sent = recorder.take(number(frameType.windowUpdate, 0, 100));
    assert.deepEqual(contents(sent), ['3: 10 end', '7: 10 end']);
  },
);
