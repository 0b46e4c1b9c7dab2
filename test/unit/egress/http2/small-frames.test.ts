import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outgoingField } from '../../../../src/egress/wire/http2/header-field.ts';
import { frameFlag, frameType } from '../../../../src/egress/wire/http2/protocol.ts';
import { client, data, frame, headers, post, Recorder, server } from './frames.ts';

const open = frameFlag.endHeaders;
const end = frameFlag.endStream;
const frozen = { now: () => 0 };
const ping = frame(frameType.ping, 0, { payload: Buffer.alloc(8) });
const padded = (text: string) => Buffer.concat([Buffer.from([2]), Buffer.from(text), Buffer.alloc(2)]);

/** A server with open requests on these streams; `came` has what is handed on, piece by piece. */
function receiving(...ids: number[]): { recorder: Recorder; came: string[] } {
  const recorder = server(frozen);
  const came: string[] = [];
  recorder.onData = (stream, bytes) => {
    came.push(`${stream.id} ${bytes.toString('latin1')}`);
    recorder.connection.consume(stream, bytes.length);
  };
  recorder.take(...ids.map((id) => headers(id, post, open)));
  return { recorder, came };
}

test('content of one read is handed on in one piece for each stream, however the frames lie', () => {
  const { recorder, came } = receiving(1, 3, 5);
  recorder.take(
    data(1, 'a'),
    data(3, 'A'),
    data(1, padded('b'), frameFlag.padded),
    data(3, 'B'),
    data(5, 'whole', end),
    data(1, 'c'),
    data(3, 'C', end),
  );
  assert.deepEqual(came, ['5 whole', '3 ABC', '1 abc']);
  recorder.take(data(1, 'd', end));
  assert.deepEqual(recorder.events.slice(-1), ['1 content abcd']);
});

test('content goes before whatever came after it on the connection', () => {
  const { recorder, came } = receiving(1, 3);
  recorder.take(data(1, 'a'), data(1, 'b'), ping, data(1, 'c'), data(1, 'd'), headers(1, [['x-sum', '1']]));
  assert.deepEqual(came, ['1 ab', '1 cd']);
  assert.deepEqual(recorder.events.slice(-1), ['1 trailers x-sum=1']);
  recorder.take(data(3, 'e'), data(3, 'f'), frame(frameType.resetStream, 0, { id: 3, payload: [0, 0, 0, 8] }));
  assert.deepEqual(came.slice(2), ['3 ef']);
});

test('content that came before a fault is handed on before it, as if it had been read alone', () => {
  const { recorder, came } = receiving(1);
  recorder.take(headers(3, [...post, ['content-length', '3']], open), data(3, 'ab'), data(3, 'c'), data(3, 'too much'));
  assert.deepEqual(came, ['3 abc']);
  assert.match(recorder.events.at(-1) ?? '', /^3 reset protocolError/);
  recorder.take(data(1, 'x'), data(1, 'y'), frame(frameType.data, 0, { id: 0, payload: 'x' }));
  assert.deepEqual(came.slice(1), ['1 xy']);
});

test('a stream that its owner resets in the middle of a read gets nothing more of it', () => {
  const { recorder, came } = receiving(1, 3);
  const { onData } = recorder;
  recorder.onData = (stream, bytes) => {
    onData(stream, bytes);
    const other = recorder.streams.get(3);
    if (stream.id === 1 && other !== undefined) recorder.connection.reset(other, 8);
  };
  recorder.take(data(3, 'a'), data(1, 'b', end), data(3, 'c'));
  assert.deepEqual(came, ['1 b']);
});

test('large content is not copied to be joined', () => {
  const { recorder } = receiving(1);
  const pieces: Buffer[] = [];
  recorder.onData = (stream, bytes) => {
    pieces.push(bytes);
    recorder.connection.consume(stream, bytes.length);
  };
  const read = Buffer.concat([data(1, Buffer.alloc(2000, 'a')), data(1, Buffer.alloc(2000, 'b'))]);
  recorder.connection.receive(read);
  assert.deepEqual(
    pieces.map(({ buffer, length }) => [buffer === read.buffer, length]),
    [
      [true, 2000],
      [true, 2000],
    ],
  );
});

/** Frames of `bytes` until the connection ends, `most` at the most; how many those were. */
function untilCalmed(recorder: Recorder, id: number, { bytes, most }: { bytes: number; most: number }): number {
  const many = Buffer.concat(Array.from({ length: 1000 }, () => data(id, Buffer.alloc(bytes, 'x'))));
  for (let sent = 0; sent < most; sent += 1000) {
    if (Recorder.fault(recorder.take(many)) !== undefined) return sent;
  }
  return most;
}

for (const [who, make] of [
  ['a client', () => receiving(1).recorder],
  ['an upstream', () => answering()],
] as const) {
  test(`content of ${who} in frames of a byte or four is a flood, after so many that no program is taken for one`, () => {
    for (const bytes of [1, 4]) {
      const frames = untilCalmed(make(), 1, { bytes, most: 1_000_000 });
      assert.ok(frames > 100_000 && frames < 200_000, `after ${frames}`);
    }
  });

  test(`content of ${who} in frames as small as the least message of gRPC goes on for ever`, () => {
    assert.equal(untilCalmed(make(), 1, { bytes: 5, most: 1_000_000 }), 1_000_000);
  });
}

test('a program that writes four thousand single bytes a second goes on for ever', () => {
  let now = 0;
  const recorder = server({ now: () => now });
  recorder.take(headers(1, post, open));
  const second = Buffer.concat(Array.from({ length: 4000 }, () => data(1, 'x')));
  for (; now < 600_000; now += 1000) assert.equal(Recorder.fault(recorder.take(second)), undefined, `${now} ms`);
});

/** A client whose request is being answered. */
function answering(): Recorder {
  const recorder = client();
  const { connection, handler } = recorder;
  connection.request([outgoingField(':method', 'GET')], { handler, endStream: true, headOnly: false });
  recorder.take(headers(1, [[':status', '200']], open));
  return recorder;
}
