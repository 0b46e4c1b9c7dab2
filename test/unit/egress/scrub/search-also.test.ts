import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileScrub } from '../../../../src/egress/scrub/scrub.ts';
import type { Scrub } from '../../../../src/egress/scrub/scrub.ts';

function scrubOf(value: string, standIn: string): Scrub {
  const scrub = compileScrub([{ id: value, standIn, value: Buffer.from(value) }]);
  assert.ok(scrub);
  return scrub;
}

const [first, second, third] = ['first-value-0001', 'second-value-0002x', 'third-value-0003'];
const scrubs = [
  scrubOf(first, 'stand-in-number1'),
  scrubOf(second, 'stand-in-2'),
  scrubOf(third, 'stand-in-number3'),
] as const;
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('what is looked for too from somewhere on', () => {
  const content = `${second} ${first}${second}, ${base64(`x${second}y`)} ${first.slice(0, 9)}${second} "${first}" ${second}`;

  it('is found wherever it begins after that, and what was looked for before is found all the way', () => {
    for (let from = 0; from <= content.length; from++) {
      for (const size of [1, 7, content.length]) {
        const stream = scrubs[0].stream();
        let out = '';
        const push = (text: string) => {
          for (let at = 0; at < text.length; at += size)
            out += stream.push(Buffer.from(text.slice(at, at + size))).toString();
        };
        push(content.slice(0, from));
        // What is held then was not told yet, and is searched as well.
        const told = from - stream.heldBytes;
        stream.searchAlso(scrubs[1]);
        push(content.slice(from));
        out += stream.end().toString();
        assert.ok(!out.includes(first), `${from}: ${out}`);
        const before = content.slice(0, told).split(first).join('stand-in-number1');
        assert.ok(out.startsWith(before), `${from}: ${out}`);
        const rest = scrubs[0]
          .and(scrubs[1])
          .bytes(Buffer.from(content.slice(told)))
          .toString();
        assert.equal(out, before + rest, String(from));
      }
    }
  });

  it('gives its place to what comes after it, and what it had held is searched by that', () => {
    const stream = scrubs[0].stream();
    stream.searchAlso(scrubs[1]);
    let out = stream.push(Buffer.from(`${second} ${second.slice(0, 8)}`)).toString();
    assert.ok(stream.heldBytes > 0);
    stream.searchAlso(scrubs[2]);
    assert.equal(stream.isClean(Buffer.from('x'), { start: 0, end: 1, last: true }), false, 'something is held');
    out += stream.push(Buffer.from(`-${third}${first}`)).toString() + stream.end().toString();
    assert.equal(out, `stand-in-2 ${second.slice(0, 8)}-stand-in-number3stand-in-number1`);
    assert.equal(stream.replaced, 3);
    assert.deepEqual(
      [...stream.replacedIds].toSorted((a, b) => a.localeCompare(b)),
      [first, second, third],
    );
  });

  it('is looked for in heads, whole bodies and lengths that are kept', () => {
    const both = scrubs[0].and(scrubs[1]);
    const text = `${first} and ${second}`;
    assert.equal(both.isClean(Buffer.from(second)), false);
    assert.equal(both.text(text), 'stand-in-number1 and stand-in-2');
    assert.equal(both.sameLength, false);
    assert.equal(both.bytes(Buffer.from(text), { keepLength: true }).length, text.length);
    assert.equal(scrubs[0].and(scrubs[2]).sameLength, true);
    assert.equal(scrubs[0].text(second), second, 'the one that others have is as it was');
  });
});
