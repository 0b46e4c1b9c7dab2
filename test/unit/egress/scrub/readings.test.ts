import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileScrub } from '../../../../src/egress/scrub/scrub.ts';
import { encodings, run } from './encodings.ts';

const standIn = 'sk-standin0123456789ABCDEFGHIJKLMNOPQR';
const value = 'pä"ss€w“ürd';

function scrubOf(text: string) {
  const scrub = compileScrub([{ id: 'one', standIn, value: Buffer.from(text) }]);
  assert.ok(scrub !== null);
  return scrub;
}

const readings: Record<string, string> = {
  'Latin-1': Buffer.from(value).toString('latin1'),
  'Windows-1252': new TextDecoder('windows-1252').decode(Buffer.from(value)),
};

for (const [charset, reading] of Object.entries(readings)) {
  for (const encoding of encodings) {
    test(`a value whose UTF-8 was taken for ${charset} is replaced in ${encoding.name}, split at any byte`, () => {
      const scrub = scrubOf(value);
      const bytes = encoding.encode(`user:${reading}`, () => true);
      for (let cut = 0; cut <= bytes.length; cut++) {
        const stream = scrub.stream();
        const out = encoding.decode(run(stream, bytes, [cut]));
        assert.equal(stream.replaced, 1);
        assert.ok(!out.includes(reading.slice(3)) && out.includes(standIn.slice(3)), out);
      }
    });
  }
}

test('a value is replaced where it is written in Latin-1', () => {
  const text = 'gäheim-müll';
  assert.equal(scrubOf(text).text(`<${text}>`), `<${standIn}>`);
});

test('a reading under eight bytes is not looked for', () => {
  const text = 'äöüß';
  assert.equal(scrubOf(text).text(text), text);
});

test('a value in ASCII costs no more than it did: its length may still be kept', () => {
  assert.ok(scrubOf('a'.repeat(standIn.length)).sameLength);
  assert.ok(!scrubOf(`${'a'.repeat(standIn.length - 2)}ä`).sameLength);
});
