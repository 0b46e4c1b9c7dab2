import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { Matcher } from '../../../../src/egress/scrub/matcher.ts';
import { patternsOf } from '../../../../src/egress/scrub/patterns.ts';
import { compileScrub } from '../../../../src/egress/scrub/scrub.ts';
import type { Scrub } from '../../../../src/egress/scrub/scrub.ts';
import { encodings, run } from './encodings.ts';
import type { Encoding } from './encodings.ts';

const standIn = 'sk-standin0123456789ABCDEFGHIJKLMNOPQR';
const plain = 'sk-live_9fQ2/xy+Z7w=Kd41mmBv8RtT0pLZ';
const values = [
  plain,
  `${plain}12`,
  `${plain}1`,
  'pa"ss&w\\rd<\'>%;/ü€😀 x',
  'z9z9z9y8',
  '%41%41\\\\u00',
  'k'.repeat(70) + plain,
];

function scrubOf(value: string, stand = standIn): Scrub {
  const scrub = compileScrub([{ id: 'one', standIn: stand, value: Buffer.from(value, 'utf8') }]);
  assert.ok(scrub !== null);
  return scrub;
}

function alternate(): () => boolean {
  let turn = 0;
  return () => turn++ % 3 === 1;
}

/**
 * A value's first characters of base64 stay as they were where they have gone on already, and where a line breaks in
 * them: then up to three bytes of the stand-in are not read as they are; and a break before the padding has it filled.
 * Everything else is equal.
 */
function assertEqualBut({ name }: Encoding, [actual, expected, stand]: readonly [string, string, string]): void {
  const loose = (text: string) => text.replaceAll(new RegExp(`.{1,3}${stand.slice(3)}x{0,2}`, 'gs'), '(stand-in)');
  const isBase64 = name.startsWith('base64');
  assert.equal(isBase64 ? loose(actual) : actual, isBase64 ? loose(expected) : expected);
}

for (const encoding of encodings) {
  test(`a value in ${encoding.name} comes back as the stand-in, split at any byte`, () => {
    for (const value of values) {
      const scrub = scrubOf(value);
      for (const before of ['', 'u', 'us', 'use']) {
        const text = `${before}${value}`;
        const bytes = encoding.encode(text, alternate());
        for (let cut = 0; cut <= bytes.length; cut++) {
          const stream = scrub.stream();
          const out = run(stream, bytes, [cut]);
          assertEqualBut(encoding, [encoding.decode(out), `${before}${standIn}`, standIn]);
          assert.equal(stream.replaced, 1);
          assert.deepEqual([...stream.replacedIds], ['one']);
        }
        const bytewise = encoding.decode(run(scrub.stream(), bytes, [...bytes.keys()]));
        assertEqualBut(encoding, [bytewise, `${before}${standIn}`, standIn]);
      }
    }
  });

  test(`a value in ${encoding.name} amid other text leaves that text as it was`, () => {
    for (const value of values) {
      for (const after of ['', ' after', 'ö', '~~~?>', `, ${value} and ${value}`]) {
        for (const before of ['Bearer ', 'a', 'ab', 'ÿ?>']) {
          // As long as the value modulo three, so that base64 needs no filling.
          const stand = standIn.padEnd(standIn.length + ((Buffer.byteLength(value) - standIn.length + 300) % 3), 'y');
          const scrub = scrubOf(value, stand);
          const bytes = encoding.encode(before + value + after, alternate());
          const expected = before + stand + after.replaceAll(value, stand);
          const out = run(scrub.stream(), bytes);
          assertEqualBut(encoding, [encoding.decode(out), expected, stand]);
        }
      }
    }
  });

  test(`a value in ${encoding.name} is replaced in its own length where that is asked for`, () => {
    for (const value of values) {
      for (const before of ['', 'a', 'ab']) {
        const bytes = encoding.encode(`${before}${value} after`, alternate());
        const stream = scrubOf(value).stream({ keepLength: true });
        const out = run(stream, bytes, [3, 17, 18]);
        assert.equal(out.length, bytes.length);
        assert.equal(stream.replaced, 1);
        assert.equal(scrubOf(value).isClean(out), true);
      }
    }
  });
}

test('a stand-in as long as its value comes back whole in its own length, however the value was escaped', () => {
  const value = 'sk-live_9fQ2xyZ7wKd41mmBv8RtT0pLZab';
  const stand = 'sk-live_standin012345678901234567ab';
  const kept = new Set([
    'raw',
    'percent',
    'percent, everything',
    'percent twice',
    'JSON with \\u',
    'hex',
    'base64',
    'base64url',
  ]);
  for (const encoding of encodings.filter(({ name }) => kept.has(name))) {
    const bytes = encoding.encode(`user:${value} and more`, alternate());
    const out = run(scrubOf(value, stand).stream({ keepLength: true }), bytes);
    assert.equal(out.length, bytes.length, encoding.name);
    assert.equal(encoding.decode(out), `user:${stand} and more`, encoding.name);
  }
});

test('in base64 a stand-in of another length is filled up where the run goes on, so that the rest stays readable', () => {
  for (const value of [plain, `${plain}1`, `${plain}12`]) {
    for (const before of ['', 'a', 'ab']) {
      const scrub = scrubOf(value);
      for (const after of [' behind', ' behind.', ' behind..']) {
        const bytes = Buffer.from(Buffer.from(before + value + after).toString('base64'));
        for (let cut = 0; cut <= bytes.length; cut++) {
          const out = run(scrub.stream(), bytes, [cut]).toString();
          // Its first character is mixed with what went before where the cut is right between them.
          const decoded = Buffer.from(out, 'base64').toString('latin1');
          assert.match(decoded, new RegExp(`^${before}.${standIn.slice(1)}x{0,2}${after}$`));
        }
      }
    }
  }
});

test('a value in base64 is found though a line breaks in it, at any place', () => {
  for (const lineBreak of ['\n', '\r\n', '\\n', '\\r\\n']) {
    for (const before of ['', 'a', 'ab']) {
      const encoded = Buffer.from(`${before}${plain}`).toString('base64');
      const scrub = scrubOf(plain);
      for (let at = 1; at < encoded.length; at++) {
        const bytes = Buffer.from(`${encoded.slice(0, at)}${lineBreak}${encoded.slice(at)}`);
        for (let cut = 0; cut <= bytes.length; cut++) {
          const stream = scrub.stream();
          const out = run(stream, bytes, [cut]).toString().replace(lineBreak, '');
          assert.equal(stream.replaced, 1);
          assert.match(Buffer.from(out, 'base64').toString('latin1'), new RegExp(`${standIn.slice(3)}x{0,2}$`));
        }
      }
    }
  }
});

test('a value in base64 of base64 is found at each alignment of both, split at any byte', () => {
  for (const value of [plain, `${plain}12`, `${plain}1`, 'sk?>?>?>~~~~??>>>>']) {
    const scrub = scrubOf(value);
    for (const inner of ['base64', 'base64url'] as const) {
      for (const outer of ['base64', 'base64url'] as const) {
        for (let at = 0; at < 9; at++) {
          const once = Buffer.from(`${'abc'.slice(at % 3)}${value} after`).toString(inner);
          const text = `${'{"'.slice(0, Math.floor(at / 3))}${once}"`;
          const bytes = Buffer.from(Buffer.from(text).toString(outer));
          for (let cut = 0; cut <= bytes.length; cut++) {
            const stream = scrub.stream();
            // The last time at every byte.
            const out = run(stream, bytes, cut < bytes.length ? [cut] : [...bytes.keys()]).toString();
            assert.equal(stream.replaced, 1, `${text} cut at ${cut}`);
            const decoded = Buffer.from(
              Buffer.from(out, 'base64').toString().replaceAll(/[{"]/g, ''),
              'base64',
            ).toString('latin1');
            // The first and the last character hold bits of what stands beside them and stay as they are.
            assert.ok(decoded.includes(standIn.slice(1, -1)), decoded);
            assert.ok(decoded.endsWith(' after'), decoded);
            assert.ok(!decoded.includes(value.slice(2, -2)), decoded);
          }
        }
      }
    }
  }
});

test('a list of bytes keeps what parts them, also behind the value, and its numbers stay one for each byte', () => {
  const value = 'sk-live_9fQ2xyZ7';
  const stand = 'sk-longer-standin00';
  const scrub = scrubOf(value, stand);
  const asArray = (text: string) => JSON.stringify([...Buffer.from(text)]);
  const dump = (text: string) => Array.from(Buffer.from(text), (byte) => `0x${byte.toString(16)}`).join(',\n');
  for (const write of [asArray, dump]) {
    const bytes = Buffer.from(write(`a${value}b`));
    for (let cut = 0; cut <= bytes.length; cut++) {
      assert.equal(run(scrub.stream(), bytes, [cut]).toString(), write(`a${stand}b`));
    }
  }
});

test('values right behind each other in one run of base64, sharing a character, are all replaced', () => {
  for (const value of [plain, `${plain}1`, `${plain}12`]) {
    for (const before of ['', 'a', 'ab']) {
      for (const encoding of ['base64', 'base64url'] as const) {
        const bytes = Buffer.from(Buffer.from(`${before}${value}${value}${value}.`).toString(encoding));
        const scrub = scrubOf(value);
        for (let cut = 0; cut <= bytes.length; cut++) {
          for (const keepLength of [false, true]) {
            const stream = scrub.stream({ keepLength });
            const out = Buffer.from(run(stream, bytes, [cut]).toString(), 'base64').toString();
            assert.equal(stream.replaced, 3);
            assert.ok(!out.includes(value.slice(4)), out);
          }
        }
      }
    }
  }
});

test('a value in quoted-printable right behind one in base64 is replaced: its first escape is no padding', () => {
  for (const value of [plain, `${plain}1`, `${plain}12`]) {
    const scrub = scrubOf(value);
    const quoted = Array.from(Buffer.from(value), (byte) => `=${byte.toString(16)}`).join('');
    const padded = Buffer.from(value).toString('base64');
    for (const base64 of [padded, padded.replaceAll('=', '')]) {
      const bytes = Buffer.from(base64 + quoted);
      for (let cut = 0; cut <= bytes.length; cut++) {
        const stream = scrub.stream();
        const out = run(stream, bytes, [cut]).toString();
        assert.equal(stream.replaced, 2);
        assert.ok(!out.includes(quoted.slice(4)), out);
      }
    }
  }
});

test('the chunk that was lent is not written to', () => {
  for (const value of [plain, `${plain}1`, `${plain}12`]) {
    for (const before of ['', 'a', 'ab']) {
      const chunk = Buffer.from(Buffer.from(`${before}${value}${value}.`).toString('base64'));
      const same = Buffer.from(chunk);
      const out = Buffer.from(scrubOf(value).stream().push(chunk));
      assert.deepEqual(chunk, same);
      assert.notDeepEqual(out, same);
    }
  }
});

test('a body without the value passes byte for byte, in the very chunks that came', () => {
  const scrub = scrubOf(plain);
  const chunks = [
    Buffer.from(
      JSON.stringify({ text: 'a "quoted" thing / 100% <b>&amp;</b> \\u0041\n', key: `${plain.slice(0, -1)}!` }),
    ),
    randomBytes(65_536),
    Buffer.from(randomBytes(30_000).toString('base64')),
    Buffer.alloc(20_000, '0'),
    Buffer.alloc(20_000, '%'),
  ];
  for (const chunk of chunks) {
    const whole = Buffer.concat([chunk, Buffer.from('\n')]);
    const stream = scrub.stream();
    assert.equal(stream.push(whole), whole);
    assert.equal(stream.end().length, 0);
    assert.equal(stream.replaced, 0);
  }
});

test('nothing waits that is not the beginning of a value in some encoding', () => {
  const stream = scrubOf(plain).stream();
  for (const text of ['data: {"delta":"hello"}\n\n', 'a', ' ', '{"x": "y"}', 'sk-live_9fQ3', '%20', '\\n', '&amp;']) {
    stream.push(Buffer.from(`${text} `));
    assert.equal(stream.heldBytes, 0, text);
  }
  for (const [text, held] of [
    ['sk-live_9f', 10],
    ['text: sk', 2],
    ['%73k%2D', 7],
    ['x%', 1],
    ['\\u0073\\u006', 11],
    ['c2stbGl2ZV', 10],
    [`u c2stbGl2ZV\n`, 11],
    ['736b2d6c', 8],
    ['sk-live_9fQ2/xy+Z7w=Kd41mmBv8RtT0pL', 35],
  ] as const) {
    const waiting = scrubOf(plain).stream();
    const passed = waiting.push(Buffer.from(text)).length;
    assert.equal(waiting.heldBytes, held, text);
    assert.equal(passed, text.length - held);
    assert.equal(passed + waiting.end().length, text.length);
  }
});

test('of the letters and digits at the end of a chunk only those wait that a value begins with', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_';
  const waiting = alphabet.split('').filter((character) => {
    const stream = scrubOf(plain).stream();
    stream.push(Buffer.from(`some text ${character}`));
    return stream.heldBytes > 0;
  });
  // In base64, as it is, in decimal, in hexadecimal, in quoted-printable.
  assert.deepEqual(waiting, ['c', 's', '1', '7', '=']);
});

test('what was held goes on as soon as it turns out to be something else', () => {
  const stream = scrubOf(plain).stream();
  assert.equal(stream.push(Buffer.from('see sk-live_9fQ2/')).toString(), 'see ');
  assert.equal(stream.push(Buffer.from('no')).toString(), 'sk-live_9fQ2/no');
});

test('a whole value does not wait for what follows it', () => {
  const stand = standIn.padEnd(standIn.length + ((plain.length - standIn.length + 300) % 3), 'y');
  // Where a semicolon may follow or not, it has to be waited for.
  for (const encoding of encodings.filter(({ name }) => !name.includes('without semicolons'))) {
    const stream = scrubOf(plain, stand).stream();
    const out = stream.push(encoding.encode(plain, alternate()));
    assert.equal(encoding.decode(out), stand, encoding.name);
  }
});

test('several values are found at once, the longer of two that begin alike', () => {
  const entries = [
    { id: 'short', standIn: 'SHORTSTAND', value: Buffer.from('token-0123') },
    { id: 'long', standIn: 'LONGSTAND', value: Buffer.from('token-0123456789') },
    { id: 'other', standIn: 'OTHERSTAND', value: Buffer.from('another one') },
    { id: 'tiny', standIn: 'TINY', value: Buffer.from('seven77') },
  ];
  const scrub = compileScrub(entries);
  const text = 'token-0123, token-0123456789, another one, seven77, token-01234567';
  const expected = 'SHORTSTAND, LONGSTAND, OTHERSTAND, seven77, SHORTSTAND4567';
  for (let cut = 0; cut <= text.length; cut++) {
    const stream = scrub?.stream();
    assert.ok(stream !== undefined);
    assert.equal(run(stream, Buffer.from(text), [cut]).toString(), expected);
    assert.deepEqual([...stream.replacedIds].toSorted(), ['long', 'other', 'short']);
  }
});

test('with values under eight bytes alone there is nothing to compile', () => {
  assert.equal(compileScrub([{ id: 'tiny', standIn: 'x', value: Buffer.from('1234567') }]), null);
  assert.equal(compileScrub([]), null);
});

test('a value that drips in a byte at a time is read once, however long it is', () => {
  const value = randomBytes(6000).toString('base64url');
  const stream = scrubOf(value, 's'.repeat(value.length)).stream();
  const bytes = Buffer.from([...Buffer.from(value)].map((byte) => `\\u00${byte.toString(16)}`).join(''));
  const start = process.cpuUsage();
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at++) out.push(Buffer.from(stream.push(bytes.subarray(at, at + 1))));
  const { user } = process.cpuUsage(start);
  assert.equal(stream.replaced, 1);
  assert.ok(!Buffer.concat(out).includes('\\u0041\\u0041'));
  // Each byte once took 0.1 s where this was written, everything anew for each byte four minutes.
  assert.ok(user < 5_000_000, `${user} µs`);
});

test('what was compiled is overwritten once nothing refers to it any more', async () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  assert.ok(typeof collect === 'function');
  const patterns = patternsOf({ id: 'one', standIn, value: Buffer.from(plain) });
  const [characters] = patterns;
  assert.ok(characters !== undefined);
  assert.ok(new Matcher(patterns).find(Buffer.from(`a ${plain}`), 0, { end: 30, last: false }) !== null);
  for (let turn = 0; turn < 100 && characters.symbols.some((code) => code !== 0); turn++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const { symbols } of patterns) assert.ok(symbols.every((symbol) => symbol === 0));
});

test('after a wipe nothing passes, scrubbed or not', () => {
  const scrub = scrubOf(plain);
  const stream = scrub.stream();
  stream.push(Buffer.from('sk-live'));
  scrub.wipe();
  assert.throws(() => stream.push(Buffer.from('anything')), /wiped/);
  assert.throws(() => scrub.text('anything'), /wiped/);
});

test('a value of arbitrary bytes, at any place in any text, in any encoding and chunking, never comes out', () => {
  const anyValue = fc
    .string({ unit: 'binary', minLength: 8, maxLength: 60 })
    .map((text) => text.replaceAll(/[\r\n\0\uD800-\uDFFF]/gu, '_'));
  fc.assert(
    fc.property(
      anyValue,
      fc.constantFrom(...encodings),
      fc.record({ before: fc.string(), after: fc.string(), cuts: fc.array(fc.nat(), { maxLength: 6 }) }),
      fc.infiniteStream(fc.boolean()),
      (value, encoding: Encoding, { before, after, cuts }, coins) => {
        const bytes = encoding.encode(before + value + after, () => coins.next().value === true);
        const scrub = scrubOf(value);
        const stream = scrub.stream();
        const out = run(stream, bytes, cuts);
        assert.ok(stream.replaced >= 1);
        assert.ok(scrub.isClean(out));
        assert.ok(!encoding.decode(out).includes(value));
      },
    ),
    { numRuns: 300 },
  );
});
