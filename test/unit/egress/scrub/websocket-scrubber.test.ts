import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compileScrub } from '../../../../src/egress/scrub/scrub.ts';
import { WebSocketScrubber } from '../../../../src/egress/scrub/websocket-scrubber.ts';
import { WireError } from '../../../../src/egress/wire/wire-error.ts';

const value = 'tok_live-9fQ2xyZ7';
const standIn = 'tok_standin-0123456789';
const compiled = compileScrub([{ id: 'one', standIn, value: Buffer.from(value) }]);
assert.ok(compiled !== null);
const scrub = compiled;

interface Frame {
  opcode: number;
  final: boolean;
  payload: Buffer;
}

function frame(opcode: number, payload: string | Buffer, final = true): Buffer {
  const bytes = Buffer.from(payload);
  const head = [(final ? 0x80 : 0) | opcode];
  if (bytes.length < 126) head.push(bytes.length);
  else if (bytes.length < 65_536) head.push(126, bytes.length >> 8, bytes.length & 255);
  else
    head.push(
      127,
      0,
      0,
      0,
      0,
      bytes.length >>> 24,
      (bytes.length >> 16) & 255,
      (bytes.length >> 8) & 255,
      bytes.length & 255,
    );
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** A strict reader, apart from the one that is tested. */
function read(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const [first = 0, second = 0] = bytes.subarray(at);
    let start = at + 2;
    let length = second;
    if (second === 126) {
      length = bytes.readUInt16BE(start);
      start += 2;
    } else if (second === 127) {
      length = Number(bytes.readBigUInt64BE(start));
      start += 8;
    }
    assert.ok(start + length <= bytes.length, 'a whole frame');
    frames.push({ opcode: first & 15, final: first >= 0x80, payload: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return frames;
}

/** The messages in frames, and the control frames, each as `opcode:payload`, in the order of their ends. */
function messages(frames: readonly Frame[]): string[] {
  const out: string[] = [];
  let opened = 0;
  let message = Buffer.alloc(0);
  for (const { opcode, final, payload } of frames) {
    if (opcode >= 8) {
      out.push(`${opcode}:${payload.toString('latin1')}`);
      continue;
    }
    assert.equal(opcode === 0, opened !== 0, 'fragments follow each other');
    if (opcode !== 0) opened = opcode;
    message = Buffer.concat([message, payload]);
    if (!final) continue;
    out.push(`${opened}:${message.toString('latin1')}`);
    opened = 0;
    message = Buffer.alloc(0);
  }
  assert.equal(opened, 0);
  return out;
}

function run(bytes: Buffer, cuts: readonly number[] = []): { out: Buffer; scrubber: WebSocketScrubber } {
  const scrubber = new WebSocketScrubber(scrub);
  const out: Buffer[] = [];
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  for (let i = 1; i < edges.length; i++) {
    const chunk = Buffer.from(bytes.subarray(edges[i - 1], edges[i]));
    const passed = scrubber.push(chunk);
    assert.ok(!(passed instanceof WireError), passed instanceof WireError ? passed.reason : '');
    out.push(Buffer.from(passed));
    chunk.fill('!');
  }
  return { out: Buffer.concat(out), scrubber };
}

const conversation = Buffer.concat([
  frame(1, 'hello'),
  frame(1, `key ${value} end`),
  frame(2, `key ${value}`),
  frame(1, `frag ${value.slice(0, 5)}`, false),
  frame(9, 'ping'),
  frame(0, value.slice(5, 9), false),
  frame(10, ''),
  frame(0, `${value.slice(9)} done`),
  frame(1, ''),
  frame(1, '', false),
  frame(0, value),
  frame(1, value.slice(0, 9)),
  frame(1, value.slice(9)),
  frame(1, `${'a'.repeat(300)}${value}${'b'.repeat(300)}`),
  frame(8, Buffer.concat([Buffer.from([3, 232]), Buffer.from('bye')])),
]);
const expected = messages(read(conversation)).map((message) => message.replaceAll(value, standIn));

test('messages are scrubbed over the borders of frames and reads, cut at any byte', () => {
  for (let cut = 0; cut <= conversation.length; cut++) {
    const { out, scrubber } = run(conversation, [cut]);
    assert.deepEqual(messages(read(out)), expected);
    assert.equal(scrubber.replaced, 5);
    assert.deepEqual([...scrubber.replacedIds], ['one']);
  }
  const { out } = run(conversation, [...conversation.keys()]);
  assert.deepEqual(messages(read(out)), expected);
});

test('frames that hold nothing go on byte for byte, in the chunk that came', () => {
  const clean = Buffer.concat([
    frame(1, 'hello'),
    frame(2, randomBytes(70_000)),
    frame(1, 'one ', false),
    frame(9, ''),
    frame(0, 'two'),
  ]);
  const scrubber = new WebSocketScrubber(scrub);
  const once = Buffer.concat([frame(1, 'hello'), frame(2, randomBytes(70_000)), frame(1, 'a ', false), frame(0, 'b')]);
  assert.equal(scrubber.push(once), once);
  assert.deepEqual(run(clean).out, clean);
});

test('a message that ends like the beginning of a value does not wait', () => {
  const bytes = frame(1, value.slice(0, -1));
  assert.equal(new WebSocketScrubber(scrub).push(bytes), bytes);
});

test('a message whose first fragment was empty, or waited whole, begins with its opcode all the same', () => {
  for (const [first, second] of [
    ['', 'text'],
    ['tok', 'en'],
    ['tok', value.slice(3)],
  ] as const) {
    const bytes = Buffer.concat([frame(1, first, false), frame(0, second), frame(2, 'next')]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { out } = run(bytes, [cut]);
      const text = (first + second).replace(value, standIn);
      assert.deepEqual(messages(read(out)), [`1:${text}`, '2:next']);
    }
  }
});

test('a frame longer than memory goes through piece by piece', () => {
  const scrubber = new WebSocketScrubber(scrub);
  const header = Buffer.from([0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0]);
  scrubber.push(header);
  const piece = randomBytes(65_536);
  for (let i = 0; i < 100; i++) {
    const out = scrubber.push(piece);
    assert.ok(!(out instanceof WireError));
    const [fragment] = read(out);
    assert.equal(fragment?.final, false);
    assert.equal(fragment.opcode, i === 0 ? 2 : 0);
    assert.ok(Math.abs(fragment.payload.length - piece.length) < 100);
  }
});

test('the payload of a control frame is scrubbed in its own length', () => {
  const reason = Buffer.concat([Buffer.from([3, 232]), Buffer.from(`no: ${value}`.padEnd(120, '.'))]);
  const { out } = run(Buffer.concat([frame(9, value), frame(8, reason)]), [4, 30]);
  const [ping, close] = read(out);
  assert.equal(ping?.payload.toString(), standIn.slice(0, value.length));
  assert.equal(close?.payload.length, reason.length);
  assert.ok(!out.includes(value));
});

test('what RFC 6455 forbids a server breaks the connection', () => {
  const bad: Record<string, Buffer> = {
    'a reserved bit': Buffer.from([0xc1, 0]),
    'a mask': Buffer.from([0x81, 0x80]),
    'an unknown opcode': Buffer.from([0x83, 0]),
    'a fragmented ping': Buffer.from([0x09, 0]),
    'a long ping': Buffer.from([0x89, 126, 0, 126]),
    'a continuation of nothing': frame(0, 'x'),
    'a message in a message': Buffer.concat([frame(1, 'x', false), frame(1, 'y')]),
    'a length in too many bytes': Buffer.from([0x81, 126, 0, 5]),
    'a length in far too many bytes': Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255]),
    'a negative length': Buffer.from([0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]),
  };
  for (const [name, bytes] of Object.entries(bad)) {
    const scrubber = new WebSocketScrubber(scrub);
    const first = scrubber.push(bytes);
    assert.ok(first instanceof WireError, name);
    assert.match(first.reason, /RFC 6455/);
    assert.equal(scrubber.push(frame(1, 'more')), first, 'it stays broken');
  }
});

test('any messages in any fragments and reads come out the same but for the value', () => {
  const part = fc.oneof(fc.constant(value), fc.constant(value.slice(0, 7)), fc.constant(value.slice(7)), fc.string());
  const message = fc.record({
    binary: fc.boolean(),
    parts: fc.array(part, { minLength: 1, maxLength: 6 }),
    ping: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 8 }), (list, cuts) => {
      const bytes = Buffer.concat(
        list.flatMap(({ binary, parts, ping }) =>
          parts.flatMap((text, i) => [
            frame(i > 0 ? 0 : binary ? 2 : 1, text, i === parts.length - 1),
            ...(ping ? [frame(9, 'p')] : []),
          ]),
        ),
      );
      const { out } = run(bytes, cuts);
      assert.deepEqual(
        messages(read(out)),
        messages(read(bytes)).map((text) => text.replaceAll(value, standIn)),
      );
    }),
    { numRuns: 500 },
  );
});
