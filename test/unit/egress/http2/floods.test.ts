import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorCode, frameFlag, frameType, setting } from '../../../../src/egress/wire/http2/protocol.ts';
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
  opening,
  post,
  Recorder,
  resets,
  server,
  settings,
} from './frames.ts';

/** Feeds `next(i)` until the connection ends, which it must before `most` of them; the answers are thrown away as they come. */
function flood(
  recorder: Recorder,
  next: (turn: number) => Buffer,
  most = 5000,
): { turns: number; code: string | undefined } {
  for (let turn = 0; turn < most; turn++) {
    const code = Recorder.fault(recorder.take(next(turn)));
    if (code !== undefined) return { turns: turn, code };
  }
  return { turns: most, code: undefined };
}

const frozen = { now: () => 0 };
const odd = (turn: number) => turn * 2 + 1;

const floods: Record<string, (turn: number) => Buffer> = {
  'PING (CVE-2019-9512)': () => frame(frameType.ping, 0, { payload: Buffer.alloc(8) }),
  'answers to PING that nobody sent': () => frame(frameType.ping, frameFlag.ack, { payload: Buffer.alloc(8) }),
  'SETTINGS (CVE-2019-9515)': () => settings(),
  'SETTINGS acknowledgements': () => frame(frameType.settings, frameFlag.ack, {}),
  'PRIORITY (CVE-2019-9513)': () => frame(frameType.priority, 0, { id: 1, payload: [0, 0, 0, 0, 0] }),
  'requests taken back at once (CVE-2023-44487)': (turn) =>
    Buffer.concat([headers(odd(turn), get), number(frameType.resetStream, odd(turn), errorCode.cancel)]),
  'requests that are malformed, so that we reset them (CVE-2019-9514)': (turn) => headers(odd(turn), get.slice(1)),
  'window updates that make us reset streams (CVE-2025-8671)': (turn) =>
    Buffer.concat([headers(odd(turn), get), number(frameType.windowUpdate, odd(turn), 0)]),
  'empty DATA (CVE-2019-9518)': (turn) => (turn === 0 ? headers(1, post, frameFlag.endHeaders) : data(1, '')),
  'DATA of nothing but padding': (turn) =>
    turn === 0 ? headers(1, post, frameFlag.endHeaders) : data(1, Buffer.from([2, 0, 0]), frameFlag.padded),
  'WINDOW_UPDATE of the connection': () => number(frameType.windowUpdate, 0, 1),
  'frames on a closed stream': (turn) =>
    turn === 0
      ? Buffer.concat([headers(1, get), number(frameType.resetStream, 1, errorCode.cancel)])
      : number(frameType.windowUpdate, 1, 1),
  'DATA on a closed stream': (turn) =>
    turn === 0 ? Buffer.concat([headers(1, get), number(frameType.resetStream, 1, errorCode.cancel)]) : data(1, 'x'),
  'frames of unknown types': () => frame(0xfa, 0, { payload: 'x' }),
  'GOAWAY again and again': () => frame(frameType.goaway, 0, { payload: Buffer.alloc(8) }),
};

for (const [name, next] of Object.entries(floods)) {
  test(`a flood ends the connection with ENHANCE_YOUR_CALM: ${name}`, () => {
    const recorder = server(frozen);
    const { turns, code } = flood(recorder, next);
    assert.equal(code, 'enhanceYourCalm');
    assert.ok(turns >= 150 && turns <= 1001, `after ${turns}`);
  });
}

test('a stream that the peer makes us reset costs more than one that it takes back', () => {
  for (const name of ['requests that are malformed', 'window updates that make us reset streams']) {
    const [, next] = Object.entries(floods).find(([each]) => each.startsWith(name)) ?? [];
    assert.ok(next);
    assert.ok(flood(server(frozen), next).turns <= 200, name);
  }
});

test('DATA on a stream that is over is answered once, and then passed over', () => {
  const recorder = server();
  const late = data(1, 'x');
  const sent = recorder.take(headers(1, get), number(frameType.resetStream, 1, errorCode.cancel), late, late, late);
  assert.deepEqual(resets(sent), ['1 streamClosed']);
});

test('a flood of streams over the limit ends the connection', () => {
  const { turns, code } = flood(server({ ...frozen, maxConcurrentStreams: 2 }), (turn) => headers(odd(turn), get));
  assert.equal(code, 'enhanceYourCalm');
  assert.equal(turns, 1001);
});

test('an upstream that floods with interim answers is cut off', () => {
  const recorder = client();
  recorder.connection.request([outgoingField(':method', 'GET')], {
    handler: recorder.handler,
    endStream: true,
    headOnly: false,
  });
  const { turns, code } = flood(recorder, () => headers(1, [[':status', '103']], frameFlag.endHeaders));
  assert.equal(code, 'enhanceYourCalm');
  assert.ok(turns >= 900 && turns < 1200, `after ${turns}`);
});

test('a flood of CONTINUATION frames ends the connection, in frames and in bytes (CVE-2024-27316)', () => {
  const more = (payload: Buffer) => frame(frameType.continuation, 0, { id: 1, payload });
  for (const [payload, most] of [
    [Buffer.alloc(0), 17],
    [Buffer.from([0x82]), 17],
    [Buffer.alloc(16_384, 0x82), 4],
  ] as const) {
    const recorder = server(frozen);
    recorder.take(frame(frameType.headers, 0, { id: 1, payload: block(get) }));
    const { turns, code } = flood(recorder, () => more(payload));
    assert.equal(code, 'enhanceYourCalm');
    assert.ok(turns <= most, `after ${turns}`);
    assert.deepEqual(recorder.events, [
      'fault enhanceYourCalm header block over 65536 bytes or 17 frames (RFC 9113 section 10.5.1)',
    ]);
  }
});

test('what a client may do for ever, at a human pace, goes on for ever', () => {
  let now = 0;
  const recorder = server({ now: () => now });
  for (let i = 0; i < 20_000; i++) {
    now += 100;
    assert.equal(Recorder.fault(recorder.take(floods['PING (CVE-2019-9512)']?.(i) ?? Buffer.alloc(0))), undefined);
  }
});

test('useful work earns what it costs: window updates for content that was sent, and requests that are answered', () => {
  const recorder = server({ ...frozen });
  recorder.onRequest = (stream) => {
    recorder.connection.respond(stream, [statusField(200)], false);
    for (let i = 0; i < 4; i++) recorder.connection.sendData(stream, Buffer.alloc(10), i === 3);
  };
  for (let i = 0; i < 3000; i++) {
    const sent = recorder.take(
      headers(odd(i), get),
      number(frameType.windowUpdate, 0, 40),
      frame(frameType.ping, 0, { payload: Buffer.alloc(8) }),
      frame(frameType.priority, 0, { id: odd(i), payload: [0, 0, 0, 0, 0] }),
    );
    assert.equal(Recorder.fault(sent), undefined);
  }
});

test('a client that cancels requests after their answer began is no flood', () => {
  const recorder = server({ ...frozen });
  recorder.onRequest = (stream) => recorder.connection.respond(stream, [statusField(200)], false);
  for (let i = 0; i < 3000; i++) {
    const sent = recorder.take(headers(odd(i), get), number(frameType.resetStream, odd(i), errorCode.cancel));
    assert.equal(Recorder.fault(sent), undefined);
  }
});

test('content that dribbles out a byte at a time, because the peer opens its window so, earns nothing (CVE-2019-9511)', () => {
  const recorder = new Recorder(frozen);
  recorder.take(opening.subarray(0, 24), settings([setting.initialWindowSize, 0]));
  recorder.onRequest = (stream) => {
    recorder.connection.respond(stream, [statusField(200)], false);
    recorder.connection.sendData(stream, Buffer.alloc(10_000), true);
  };
  recorder.take(headers(1, get));
  const { turns, code } = flood(recorder, () => number(frameType.windowUpdate, 1, 1));
  assert.equal(code, 'enhanceYourCalm');
  assert.ok(turns <= 1000, `after ${turns}`);
});

test('a peer that does not read what it makes us write is not read either, and cut off in the end', () => {
  const recorder = server(frozen);
  recorder.connection.flush(() => false);
  recorder.onRequest = (stream) =>
    recorder.connection.respond(stream, [statusField(403), outgoingField('x-why', 'w'.repeat(3000))], true);
  let turn = 0;
  while (recorder.connection.wantsInput) recorder.connection.receive(headers(odd(turn++), get));
  assert.ok(turn < 60, `${turn} answers wait`);
  while (recorder.connection.receive(headers(odd(turn++), get)) === null) assert.ok(turn < 2000);
  assert.match(recorder.events.at(-1) ?? '', /enhanceYourCalm the peer does not read/);
});

test('a request whose header list is too large can be answered, and the connection goes on', () => {
  const recorder = server(frozen);
  recorder.onMalformed = (stream) => recorder.connection.respond(stream, [statusField(431)], true);
  const fields = Array.from({ length: 300 }, (_, i) => ['a', String(i)] as const);
  const sent = recorder.take(headers(1, [...get, ...fields]), headers(3, get));
  assert.deepEqual(recorder.events, [
    '1 malformed 431 over 256 header fields (RFC 6585 section 5)',
    'idle',
    '3 GET a.example / end',
  ]);
  assert.deepEqual(
    sent.map(({ type, id, flags }) => [type, id, flags]),
    [['headers', 1, end]],
  );
});
