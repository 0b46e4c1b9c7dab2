import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseStrictJson } from '../../../src/api/strict-json.ts';
import { StandinError } from '../../../src/errors.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));

function refused(bytes: string | Uint8Array, words: RegExp): void {
  assert.throws(
    () => parseStrictJson(typeof bytes === 'string' ? Buffer.from(bytes) : bytes),
    (error) => error instanceof StandinError && error.code === 'bad_request' && words.test(error.message),
    String(bytes),
  );
}

test('what JSON.stringify wrote comes back as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), fc.constantFrom(undefined, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      // `__proto__` and lone surrogates are refused on purpose, below.
      fc.pre(!text.includes('__proto__') && !/\\ud[89a-f]/i.test(text));
      assert.deepEqual(parse(text), JSON.parse(text));
    }),
  );
});

test('a member given twice is refused by name at any depth, however its name is escaped', () => {
  refused('{"a":1,"a":2}', /^"a": is given twice/);
  refused('{"a":1,"b":{"c":[{"d":1,"d":1}]}}', /^"d": is given twice/);
  refused(String.raw`{"value":"x","v\u0061lue":"y"}`, /^"value": is given twice/);
  refused(String.raw`{"\"":1,"\u0022":2}`, /is given twice/);
});

test('the same name in different objects, or as a value, is no repetition', () => {
  for (const text of [
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":"a"}',
    '{"a":["a","a"]}',
    '{"a":"\\\\","b":"{\\"a\\":1,\\"a\\":2}"}',
  ]) {
    assert.deepEqual(parse(text), JSON.parse(text));
  }
});

test('any object with one of its members repeated is refused', () => {
  const members = fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue(), { minKeys: 1, noNullPrototype: true });
  fc.assert(
    fc.property(members, fc.nat(), (object, pick) => {
      const names = Object.keys(object).filter((name) => name !== '__proto__');
      const repeated = names[pick % names.length];
      fc.pre(repeated !== undefined);
      const text = `${JSON.stringify(object).slice(0, -1)},${JSON.stringify(repeated)}:0}`;
      assert.throws(() => parse(text), StandinError);
    }),
  );
});

test('`__proto__` is refused as the name of a field, and kept as a value', () => {
  refused('{"env_vars":{"__proto__":"x"}}', /"__proto__": cannot be the name of a field/);
  assert.deepEqual(parse('{"a":"__proto__"}'), { a: '__proto__' });
});

test('half of a surrogate pair is refused, a whole one is not', () => {
  refused(String.raw`{"value":"\ud83d"}`, /surrogate/);
  assert.deepEqual(parse(String.raw`{"value":"\ud83d\ude00"}`), { value: '😀' });
});

test('malformed text is refused without a word of it', () => {
  for (const text of [
    '',
    'hunter2',
    '{"value":"hunter2"',
    '{"value":hunter2}',
    "{'value':'hunter2'}",
    '{"value":"hunter2",}',
    '\ufeff{"value":"hunter2"}',
  ]) {
    assert.throws(
      () => parse(text),
      (error) => error instanceof StandinError && !error.message.includes('hunter2') && error.cause === undefined,
      text,
    );
  }
});

test('bytes that are not UTF-8 are refused', () => {
  refused(Uint8Array.from([0x22, 0xff, 0x22]), /not JSON/);
  refused(Uint8Array.from([0x22, 0xc0, 0xaf, 0x22]), /not JSON/);
});
