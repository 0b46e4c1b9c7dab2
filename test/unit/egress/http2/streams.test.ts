import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorCode, frameFlag, frameType, maxWindow, setting } from '../../../../src/egress/wire/http2/protocol.ts';
import { outgoingField } from '../../../../src/egress/wire/http2/header-field.ts';
import { statusField } from '../../../../src/egress/wire/http2/outgoing-fields.ts';
import {
  block,
  client,
  data,
  end,
  frame,
  get,
  headers,
  number,
  post,
  Recorder,
  resets,
  server,
  settings,
} from './frames.ts';

const open = frameFlag.endHeaders;
const ok = [statusField(200)];
const answer = (recorder: Recorder) => (recorder.onRequest = (stream) => recorder.connection.respond(stream, ok, true));
const ended = number(frameType.resetStream, 1, errorCode.cancel);
const ask = (recorder: Recorder, method = 'GET', endStream = true) =>
  recorder.connection.request([outgoingField(':method', method)], {
    handler: recorder.handler,
    endStream,
    headOnly: method === 'HEAD',
  });

test('what the peer sent before it knew of our reset is ignored', () => {
  const recorder = server();
  recorder.onRequest = (stream) => recorder.connection.reset(stream, errorCode.cancel);
  const sent = recorder.take(
    headers(1, post, open),
    data(1, 'x'),
    headers(1, [['a', 'b']]),
    number(frameType.windowUpdate, 1, 5),
    ended,
  );
  assert.deepEqual(resets(sent), ['1 cancel']);
  assert.deepEqual(recorder.events, ['1 POST a.example /', 'idle']);
});

test('header blocks of streams that are ignored or refused still count for the compression', () => {
  const indexed = Buffer.concat([Buffer.from([0x40]), block([['a', 'b']]).subarray(1)]);
  const recorder = server({ maxConcurrentStreams: 1 });
  recorder.take(headers(1, post, open));
  const refused = recorder.take(
    frame(frameType.headers, end, { id: 3, payload: Buffer.concat([block(get), indexed]) }),
  );
  assert.deepEqual(resets(refused), ['3 refusedStream']);
  recorder.take(data(1, '', 1));
  recorder.onRequest = (stream) => recorder.connection.respond(stream, ok, true);
  for (const stream of recorder.streams.values()) recorder.connection.respond(stream, ok, true);
  recorder.take(frame(frameType.headers, end, { id: 5, payload: Buffer.concat([block(get), Buffer.from([0xbe])]) }));
  assert.ok(recorder.events.includes('5 GET a.example / end'));
});

test('unknown frames, unknown settings, priorities and the reserved bit are passed over', () => {
  const recorder = server();
  const reserved = headers(1, get);
  reserved.writeUInt32BE(0x8000_0001, 5);
  const sent = recorder.take(
    frame(0xfa, 0xff, { id: 9, payload: 'xyz' }),
    settings([0xabcd, 5]),
    frame(frameType.priority, 0, { id: 99, payload: [0, 0, 0, 1, 9] }),
    reserved,
  );
  assert.deepEqual(recorder.events, ['1 GET a.example / end']);
  assert.deepEqual(
    sent.map(({ type, flags }) => [type, flags]),
    [['settings', frameFlag.ack]],
  );
});

test('an interim answer, the answer, its content and its trailers arrive in their order', () => {
  const recorder = client();
  ask(recorder);
  const first = recorder.flush();
  assert.deepEqual(
    first.map(({ type, id, flags }) => [type, id, flags]),
    [['headers', 1, end]],
  );
  recorder.take(
    headers(
      1,
      [
        [':status', '103'],
        ['link', '</a>'],
      ],
      open,
    ),
    headers(1, [[':status', '200']], open),
    data(1, 'ab'),
    data(1, 'c'),
    headers(1, [['grpc-status', '0']]),
  );
  assert.deepEqual(recorder.events, ['1 interim 103', '1 response 200', '1 trailers grpc-status=0', 'idle']);
});

const answers: [string, Buffer[], string][] = [
  ['without a status', [headers(1, [['a', 'b']])], '1 protocolError'],
  ['with a status of two digits', [headers(1, [[':status', '20']])], '1 protocolError'],
  ['with status 101', [headers(1, [[':status', '101']], open)], '1 protocolError'],
  [
    'with a request field',
    [
      headers(1, [
        [':status', '200'],
        [':path', '/'],
      ]),
    ],
    '1 protocolError',
  ],
  [
    'with a connection-specific field',
    [
      headers(1, [
        [':status', '200'],
        ['connection', 'close'],
      ]),
    ],
    '1 protocolError',
  ],
  ['that is interim and ends the stream', [headers(1, [[':status', '100']])], '1 protocolError'],
  ['that begins with content', [data(1, 'x')], '1 protocolError'],
  ['with two heads', [headers(1, [[':status', '200']], open), headers(1, [[':status', '200']])], '1 protocolError'],
  [
    'with less content than its length',
    [
      headers(
        1,
        [
          [':status', '200'],
          ['content-length', '2'],
        ],
        open,
      ),
      data(1, 'x', 1),
    ],
    '1 protocolError',
  ],
  [
    'with a length and no content',
    [
      headers(1, [
        [':status', '200'],
        ['content-length', '2'],
      ]),
    ],
    '1 protocolError',
  ],
  ['204 with content', [headers(1, [[':status', '204']], open), data(1, 'x', 1)], '1 protocolError'],
];

for (const [name, bytes, reset] of answers) {
  test(`an answer ${name} is reset, and its stream hears of it`, () => {
    const recorder = client();
    ask(recorder);
    assert.deepEqual(resets(recorder.take(...bytes)), [reset]);
    assert.equal(recorder.events.at(-2), '1 reset protocolError');
  });
}

test('the answers to HEAD and 304 have a length and no content', () => {
  const recorder = client();
  ask(recorder, 'HEAD');
  ask(recorder);
  recorder.take(
    headers(1, [
      [':status', '200'],
      ['content-length', '5'],
    ]),
    headers(3, [
      [':status', '304'],
      ['content-length', '5'],
    ]),
  );
  assert.deepEqual(recorder.events, ['1 response 200 end', '3 response 304 end', 'idle']);
  ask(recorder, 'HEAD');
  assert.deepEqual(resets(recorder.take(headers(5, [[':status', '200']], open), data(5, 'x', 1))), ['5 protocolError']);
});

test('an upstream may not push, open streams, or answer what was not asked', () => {
  for (const bytes of [
    frame(frameType.pushPromise, open, { id: 1, payload: Buffer.concat([Buffer.from([0, 0, 0, 2]), block(get)]) }),
    headers(2, [[':status', '200']]),
    headers(3, [[':status', '200']]),
    settings([setting.enablePush, 1]),
  ]) {
    const recorder = client();
    ask(recorder);
    assert.equal(Recorder.fault(recorder.take(bytes)), 'protocolError');
    assert.match(recorder.events.join(), /1 reset protocolError/);
  }
});

test('GOAWAY of an upstream hands back what it did not take, and lets the rest go on', () => {
  const recorder = client();
  ask(recorder);
  ask(recorder);
  recorder.take(frame(frameType.goaway, 0, { payload: [0, 0, 0, 1, 0, 0, 0, 0] }));
  assert.deepEqual(recorder.events, ['3 reset noError by peer unprocessed', 'goaway noError 1']);
  assert.equal(recorder.connection.canOpen, false);
  recorder.take(headers(1, [[':status', '200']]));
  assert.deepEqual(recorder.events.slice(2), ['1 response 200 end', 'idle']);
});

test('a request that is refused by REFUSED_STREAM is told to be unprocessed', () => {
  const recorder = client();
  ask(recorder);
  recorder.take(number(frameType.resetStream, 1, errorCode.refusedStream));
  assert.deepEqual(recorder.events, ['1 reset refusedStream by peer unprocessed', 'idle']);
});

test('no more streams are opened than the peer allows', () => {
  const recorder = client([setting.maxConcurrentStreams, 2]);
  ask(recorder);
  ask(recorder);
  assert.equal(recorder.connection.canOpen, false);
  assert.throws(() => ask(recorder));
  recorder.take(headers(1, [[':status', '200']]));
  assert.equal(recorder.connection.canOpen, true);
});

test('a graceful end takes what was under way, then says which stream was the last', () => {
  const recorder = server();
  recorder.take(headers(1, get));
  recorder.connection.shutdown();
  const first = recorder.flush();
  assert.deepEqual(
    first.map(({ type, payload }) => [type, payload.length]),
    [
      ['goaway', 8],
      ['ping', 8],
    ],
  );
  assert.equal(first[0]?.payload.readUInt32BE(0), maxWindow);
  recorder.take(headers(3, get));
  const pong = frame(frameType.ping, frameFlag.ack, { payload: first[1]?.payload ?? Buffer.alloc(8) });
  const [last] = recorder.take(pong);
  assert.equal(last?.payload.readUInt32BE(0), 3);
  assert.deepEqual(resets(recorder.take(headers(5, post, open), data(5, 'x'), headers(5, [['a', 'b']]))), []);
  for (const stream of recorder.streams.values()) recorder.connection.respond(stream, ok, true);
  assert.deepEqual(recorder.events, ['1 GET a.example / end', '3 GET a.example / end', 'pong', 'idle']);
});

test('PING is answered with what it carried', () => {
  const [pong] = server().take(frame(frameType.ping, 0, { payload: 'abcdefgh' }));
  assert.deepEqual([pong?.type, pong?.flags, pong?.payload.toString()], ['ping', frameFlag.ack, 'abcdefgh']);
});

test('when the socket is gone every stream hears of it, and commands do nothing', () => {
  const recorder = server();
  recorder.take(headers(1, post, open));
  recorder.connection.end('the socket was closed');
  assert.deepEqual(recorder.events, ['1 POST a.example /', '1 reset internalError']);
  const [stream] = recorder.streams.values();
  assert.ok(stream);
  recorder.connection.respond(stream, ok, true);
  assert.equal(recorder.connection.sendData(stream, Buffer.from('x'), true), true);
  assert.deepEqual(recorder.flush(), []);
});

test('a stream is over when both have ended it, and its number is used once', () => {
  const recorder = server();
  answer(recorder);
  recorder.take(headers(1, get), headers(3, post, open));
  assert.equal(recorder.connection.openStreams, 1);
  recorder.take(data(3, '', 1));
  assert.deepEqual(recorder.events.slice(-2), ['3 content ', 'idle']);
  assert.equal(Recorder.fault(recorder.take(headers(1, get))), 'streamClosed');
});
