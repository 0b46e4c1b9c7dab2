import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { chainStart, linkSegments, segmentHash } from '../../../src/store/chain.ts';
import type { ChainedSegment } from '../../../src/store/chain.ts';

/** The bytes as docs/adr/0029 has them, put together in another way. */
function documented(previous: Uint8Array, segment: ChainedSegment): string {
  const integer = (value: number, bytes: number) => {
    const field = Buffer.alloc(bytes);
    for (let at = bytes - 1, rest = BigInt(value); at >= 0; at--, rest >>= 8n) field[at] = Number(rest & 0xffn);
    return field;
  };
  const text = (value: string | null) => {
    if (value === null) return Buffer.from('ffffffff', 'hex');
    const content = new TextEncoder().encode(value);
    return Buffer.concat([integer(content.length, 4), content]);
  };
  const parts = [
    Buffer.from([1]),
    previous,
    integer(segment.firstId, 8),
    integer(segment.lastId, 8),
    integer(segment.traits, 4),
    ...[segment.teamId, segment.sandboxId, segment.secretIds, segment.rows].map(text),
  ];
  return createHash('sha256').update(Buffer.concat(parts)).digest('hex');
}

const anyText = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.constant('é€😀'.repeat(30_000)));
const anySegment = fc.record<ChainedSegment>({
  firstId: fc.maxSafeNat(),
  lastId: fc.maxSafeNat(),
  teamId: fc.option(anyText),
  sandboxId: fc.option(anyText),
  traits: fc.nat({ max: 0xffff_ffff }),
  secretIds: anyText,
  rows: anyText,
});
const anyHash = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("a segment's hash", () => {
  it('is over the bytes that the decision has written down, whatever the text', () => {
    fc.assert(
      fc.property(anyHash, anySegment, (previous, segment) => {
        assert.equal(Buffer.from(segmentHash(previous, segment)).toString('hex'), documented(previous, segment));
      }),
    );
  });

  it('is the same in every version', () => {
    const segment = { firstId: 1, lastId: 2, teamId: 't', sandboxId: null, traits: 17, secretIds: '["a"]', rows: '[]' };
    assert.equal(
      Buffer.from(segmentHash(chainStart, segment)).toString('hex'),
      '51acae958b025bc7175b98c733b4ce2c6dbae1332758b7b1d6dd16883bf70c6d',
    );
  });

  it('is another where a text is moved from one field to the next, or is missing instead of empty', () => {
    const segment = { firstId: 1, lastId: 1, teamId: 'ab', sandboxId: 'c', traits: 0, secretIds: '[]', rows: '[]' };
    const others = [
      { ...segment, teamId: 'a', sandboxId: 'bc' },
      { ...segment, teamId: 'abc', sandboxId: '' },
      { ...segment, teamId: 'abc', sandboxId: null },
    ];
    const hashes = [segment, ...others].map((each) => Buffer.from(segmentHash(chainStart, each)).toString('hex'));
    assert.equal(new Set(hashes).size, hashes.length);
  });

  it('is not made over a hash that is none', () => {
    const segment = { firstId: 1, lastId: 1, teamId: null, sandboxId: null, traits: 0, secretIds: '[]', rows: '[]' };
    assert.throws(() => segmentHash(new Uint8Array(31), segment), TypeError);
  });
});

describe('segments that are linked', () => {
  it('follow the head and each other without a gap in their ids', () => {
    const one = { teamId: 't', sandboxId: 'b', secretIds: [], count: 3, traits: 0, rows: '[1,2,3]' };
    const [first, second] = linkSegments({ lastId: 40, hash: chainStart }, [one, { ...one, count: 2 }]);
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual([first.firstId, first.lastId, second.firstId, second.lastId], [41, 43, 44, 45]);
    assert.deepEqual(second.hash, segmentHash(first.hash, second));
  });
});
