import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  FrameDecoder,
  decodeExec,
  decodeSize,
  encodeChunks,
  encodeFrame,
  frameTypes,
  maxChunk,
  maxPayload,
} from '../../../src/sandbox/agent/protocol.ts';
import type { Frame } from '../../../src/sandbox/agent/protocol.ts';

const types = ['exec', 'stdin', 'stdinEnd', 'signal', 'stdout', 'stderr', 'exit', 'pong'] as const;
const frame = fc.record({ type: fc.constantFrom(...types), payload: fc.uint8Array({ maxLength: 300 }) });

describe('the agent protocol', () => {
  it('gives back what was sent, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(40), { minLength: 1 }), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(({ type, payload }) => encodeFrame(type, payload)));
        const decoder = new FrameDecoder();
        const got: Frame[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const length = 1 + (cuts[turn % cuts.length] ?? 0);
          got.push(...decoder.push(bytes.subarray(at, at + length)));
          at += length;
        }
        assert.deepEqual(
          got.map(({ type, payload }) => [type, payload.toString('hex')]),
          frames.map(({ type, payload }) => [type, Buffer.from(payload).toString('hex')]),
        );
      }),
    );
  });

  it('refuses a type that there is none of, and a length over the limit, before it waits for the payload', () => {
    for (const type of [0, 15, 255])
      assert.throws(() => new FrameDecoder().push(Buffer.from([type, 0, 0, 0, 0])), RangeError);
    const long = Buffer.from([frameTypes.stdout, 0, 0, 0, 0]);
    long.writeUInt32BE(maxPayload + 1, 1);
    assert.throws(() => new FrameDecoder().push(long), RangeError);
    long.writeUInt32BE(maxPayload, 1);
    assert.deepEqual(new FrameDecoder().push(long), []);
    assert.throws(() => encodeFrame('exec', Buffer.alloc(maxPayload + 1)), RangeError);
  });

  it('cuts output into chunks that fit', () => {
    const data = Buffer.alloc(2 * maxChunk + 1, 'x');
    const frames = new FrameDecoder().push(Buffer.concat(encodeChunks('stdout', data)));
    assert.deepEqual(
      frames.map(({ payload }) => payload.length),
      [maxChunk, maxChunk, 1],
    );
  });

  it('takes an exec request apart and refuses what is none', () => {
    const message = { command: 'ls', args: ['-l'], env: { A: 'b' }, workingDir: '/', tty: { columns: 80, rows: 24 } };
    assert.deepEqual(decodeExec(Buffer.from(JSON.stringify(message))), message);
    for (const bad of [
      '[]',
      'null',
      '{',
      '{"command":1,"env":{},"workingDir":"/"}',
      '{"command":"x","env":{"A":1},"workingDir":"/"}',
    ]) {
      assert.throws(() => decodeExec(Buffer.from(bad)), SyntaxError);
    }
    for (const bad of [null, 5, {}, { columns: 0, rows: 1 }, { columns: 1.5, rows: 1 }, { columns: 1, rows: 65_536 }]) {
      assert.equal(decodeSize(bad), null);
    }
  });
});
