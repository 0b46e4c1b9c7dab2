import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorCode, frameFlag, frameType, maxWindow, setting } from '../../../../src/egress/wire/http2/protocol.ts';
import { data, end, frame, get, headers, number, opening, post, Recorder, resets, server, settings } from './frames.ts';

const open = frameFlag.endHeaders;
const ended = number(frameType.resetStream, 1, errorCode.cancel);

/** What ends the whole connection: bytes after the greeting, the code, and the words that the reason has. */
const connectionFaults: [string, Buffer[], keyof typeof errorCode, RegExp][] = [
  ['a frame over 16 KB', [frame(0xfa, 0, { payload: Buffer.alloc(16_385) })], 'frameSizeError', /16 KiB/],
  ['DATA without a stream', [data(0, 'x')], 'protocolError', /6\.1/],
  ['DATA on an idle stream', [data(1, 'x')], 'protocolError', /idle/],
  ['DATA on a stream that only we could open', [headers(1, get), data(2, 'x')], 'protocolError', /idle/],
  [
    'padding as long as DATA',
    [headers(1, post, open), data(1, Buffer.from([3, 0, 0]), frameFlag.padded)],
    'protocolError',
    /6\.1/,
  ],
  ['DATA that lacks its pad length', [headers(1, post, open), data(1, '', frameFlag.padded)], 'frameSizeError', /6\.1/],
  ['HEADERS without a stream', [headers(0, get)], 'protocolError', /6\.2/],
  ['HEADERS on a stream of even number', [headers(2, get)], 'protocolError', /5\.1\.1/],
  ['HEADERS on a stream below one that was opened', [headers(5, get), headers(3, get)], 'protocolError', /5\.1\.1/],
  [
    'HEADERS padded past their end',
    [frame(frameType.headers, end | frameFlag.padded, { id: 1, payload: [9, 0x82] })],
    'protocolError',
    /6\.2/,
  ],
  [
    'HEADERS that lack their pad length',
    [frame(frameType.headers, end | frameFlag.padded, { id: 1 })],
    'frameSizeError',
    /6\.2/,
  ],
  [
    'HEADERS that end within their priority',
    [frame(frameType.headers, end | frameFlag.priority, { id: 1, payload: [0, 0] })],
    'protocolError',
    /6\.2/,
  ],
  [
    'HEADERS that depend on their own stream',
    [frame(frameType.headers, end | frameFlag.priority, { id: 1, payload: [0, 0, 0, 1, 0, 0x82] })],
    'protocolError',
    /itself/,
  ],
  [
    'a header block that cannot be decoded',
    [frame(frameType.headers, end, { id: 1, payload: [0x80] })],
    'compressionError',
    /index/,
  ],
  [
    'CONTINUATION that nothing came before',
    [frame(frameType.continuation, open, { id: 1, payload: [0x82] })],
    'protocolError',
    /6\.10/,
  ],
  [
    'another frame within a header block',
    [frame(frameType.headers, 0, { id: 1, payload: [0x82] }), settings()],
    'protocolError',
    /6\.10/,
  ],
  [
    'DATA within a header block',
    [headers(1, post, open), frame(frameType.headers, 1, { id: 1, payload: [] }), data(1, 'x')],
    'protocolError',
    /6\.10/,
  ],
  [
    'a frame of unknown type within a header block',
    [frame(frameType.headers, 0, { id: 1, payload: [0x82] }), frame(0xfa, 0, {})],
    'protocolError',
    /6\.10/,
  ],
  [
    'CONTINUATION of another stream',
    [frame(frameType.headers, 0, { id: 1, payload: [0x82] }), frame(frameType.continuation, open, { id: 3 })],
    'protocolError',
    /6\.10/,
  ],
  ['PRIORITY without a stream', [frame(frameType.priority, 0, { payload: [0, 0, 0, 0, 0] })], 'protocolError', /6\.3/],
  ['PRIORITY of another length', [frame(frameType.priority, 0, { id: 1, payload: [0] })], 'frameSizeError', /6\.3/],
  [
    'PRIORITY on itself',
    [frame(frameType.priority, 0, { id: 1, payload: [0, 0, 0, 1, 0] })],
    'protocolError',
    /itself/,
  ],
  ['RST_STREAM of an idle stream', [ended], 'protocolError', /idle/],
  [
    'RST_STREAM of another length',
    [headers(1, get), frame(frameType.resetStream, 0, { id: 1, payload: [0] })],
    'frameSizeError',
    /6\.4/,
  ],
  ['SETTINGS of a stream', [frame(frameType.settings, 0, { id: 1 })], 'protocolError', /6\.5/],
  [
    'SETTINGS of a length that is no multiple of six',
    [frame(frameType.settings, 0, { payload: [0] })],
    'frameSizeError',
    /6\.5/,
  ],
  [
    'an acknowledgement with settings in it',
    [frame(frameType.settings, frameFlag.ack, { payload: Buffer.alloc(6) })],
    'frameSizeError',
    /6\.5/,
  ],
  ['ENABLE_PUSH of 2', [settings([setting.enablePush, 2])], 'protocolError', /PUSH/],
  ['a window over 2^31-1', [settings([setting.initialWindowSize, 2 ** 31])], 'flowControlError', /WINDOW_SIZE/],
  ['a frame size under 16,384', [settings([setting.maxFrameSize, 16_383])], 'protocolError', /FRAME_SIZE/],
  ['a frame size over 2^24-1', [settings([setting.maxFrameSize, 2 ** 24])], 'protocolError', /FRAME_SIZE/],
  [
    'ENABLE_CONNECT_PROTOCOL taken back',
    [settings([setting.enableConnectProtocol, 1]), settings([setting.enableConnectProtocol, 0])],
    'protocolError',
    /8441/,
  ],
  [
    'a window made too large by SETTINGS',
    [
      headers(1, get),
      number(frameType.windowUpdate, 1, maxWindow - 65_535),
      settings([setting.initialWindowSize, 65_536]),
    ],
    'flowControlError',
    /6\.9\.1/,
  ],
  [
    'PUSH_PROMISE',
    [frame(frameType.pushPromise, open, { id: 1, payload: [0, 0, 0, 2] })],
    'protocolError',
    /PUSH_PROMISE/,
  ],
  ['PING of a stream', [frame(frameType.ping, 0, { id: 1, payload: Buffer.alloc(8) })], 'protocolError', /6\.7/],
  ['PING of another length', [frame(frameType.ping, 0, { payload: [0] })], 'frameSizeError', /6\.7/],
  ['GOAWAY of a stream', [frame(frameType.goaway, 0, { id: 1, payload: Buffer.alloc(8) })], 'protocolError', /6\.8/],
  ['GOAWAY that is too short', [frame(frameType.goaway, 0, { payload: [0] })], 'frameSizeError', /6\.8/],
  ['WINDOW_UPDATE by nothing', [number(frameType.windowUpdate, 0, 0)], 'protocolError', /6\.9/],
  ['WINDOW_UPDATE of another length', [frame(frameType.windowUpdate, 0, { payload: [0] })], 'frameSizeError', /6\.9/],
  ['WINDOW_UPDATE past 2^31-1', [number(frameType.windowUpdate, 0, maxWindow)], 'flowControlError', /6\.9\.1/],
  ['WINDOW_UPDATE on an idle stream', [number(frameType.windowUpdate, 1, 1)], 'protocolError', /idle/],
  ['HEADERS after the peer reset the stream', [headers(1, get), ended, headers(1, get)], 'streamClosed', /closed/],
];

for (const [name, bytes, code, words] of connectionFaults) {
  test(`the connection ends at ${name}`, () => {
    const recorder = server();
    const sent = recorder.take(...bytes);
    assert.equal(Recorder.fault(sent), code);
    const goaway = sent.find(({ type }) => type === 'goaway');
    assert.match(goaway?.payload.toString('latin1', 8) ?? '', words);
    assert.deepEqual(recorder.take(headers(7, get)), [], 'nothing is read any more');
    assert.equal(recorder.connection.openStreams, 0);
  });
}

test('a client that does not begin as one is not read', () => {
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.concat([opening.subarray(0, 23), Buffer.from('x')]),
  ]) {
    assert.equal(Recorder.fault(new Recorder().take(bytes)), 'protocolError');
  }
  const early = new Recorder();
  assert.equal(
    Recorder.fault(early.take(opening.subarray(0, 24), headers(1, get))),
    'protocolError',
    'SETTINGS come first',
  );
  const acknowledged = new Recorder().take(opening.subarray(0, 24), frame(frameType.settings, frameFlag.ack, {}));
  assert.equal(Recorder.fault(acknowledged), 'protocolError');
});

/** What ends one stream, after it was opened by HEADERS 1; the connection goes on. */
const streamFaults: [string, Buffer[], string[]][] = [
  ['WINDOW_UPDATE by nothing', [headers(1, post, open), number(frameType.windowUpdate, 1, 0)], ['1 protocolError']],
  [
    'WINDOW_UPDATE past 2^31-1',
    [headers(1, post, open), number(frameType.windowUpdate, 1, maxWindow)],
    ['1 flowControlError'],
  ],
  ['DATA after the end', [headers(1, post), data(1, 'x')], ['1 streamClosed']],
  ['HEADERS after the end', [headers(1, post), headers(1, [['a', 'b']])], ['1 streamClosed']],
  ['DATA after RST_STREAM of the peer', [headers(1, post, open), ended, data(1, 'x')], ['1 streamClosed']],
  ['trailers that do not end it', [headers(1, post, open), headers(1, [['a', 'b']], open)], ['1 protocolError']],
  ['trailers with a pseudo-header field', [headers(1, post, open), headers(1, [[':path', '/']])], ['1 protocolError']],
  [
    'trailers that belong into the head',
    [headers(1, post, open), headers(1, [['authorization', 'x']])],
    ['1 protocolError'],
  ],
  ['trailers with a name in upper case', [headers(1, post, open), headers(1, [['A', 'x']])], ['1 protocolError']],
  [
    'more DATA than Content-Length',
    [headers(1, [...post, ['content-length', '3']], open), data(1, 'abcd')],
    ['1 protocolError'],
  ],
  [
    'less DATA than Content-Length',
    [headers(1, [...post, ['content-length', '3']], open), data(1, 'ab', 1)],
    ['1 protocolError'],
  ],
  [
    'trailers before Content-Length is full',
    [headers(1, [...post, ['content-length', '3']], open), data(1, 'ab'), headers(1, [['a', 'b']])],
    ['1 protocolError'],
  ],
  ['Content-Length without DATA', [headers(1, [...post, ['content-length', '3']])], ['1 protocolError']],
];

for (const [name, bytes, expected] of streamFaults) {
  test(`one stream ends, and the connection goes on, at ${name}`, () => {
    const recorder = server();
    assert.deepEqual(resets(recorder.take(...bytes)), expected);
    recorder.take(headers(3, get));
    assert.equal(recorder.events.at(-1), '3 GET a.example / end');
    assert.ok(!recorder.events.some((line) => line.startsWith('1 content')), 'no end of content was told');
  });
}
