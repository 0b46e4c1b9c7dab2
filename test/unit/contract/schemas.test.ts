import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sandboxOf, sandboxSubprotocol, tokenOf, tokenSubprotocol } from '../../../src/contract/exec-wire.ts';
import { envKey, queryNumber, secretName, strict, text, uuid } from '../../../src/contract/schemas/fields.ts';
import { createSandboxRequest } from '../../../src/contract/schemas/sandboxes.ts';
import { createSecretRequest } from '../../../src/contract/schemas/secrets.ts';

const secret = { name: 'a', value: 'v', provider: 'anthropic' };
const accepts = (value: string) => createSecretRequest.safeParse({ ...secret, value }).success;

test('a value is accepted exactly if it is 1 to 8192 bytes of UTF-8 without CR, LF or NUL', () => {
  const characters = fc.constantFrom('a', 'é', '€', '😀', ' ', '\t', '\r', '\n', '\0');
  const values = fc.tuple(
    fc.constantFrom('a', 'é', '€', '😀'),
    fc.integer({ min: 0, max: 9000 }),
    fc.array(characters, { maxLength: 4 }),
  );
  fc.assert(
    fc.property(values, ([filler, count, tail]) => {
      const value = filler.repeat(count) + tail.join('');
      const bytes = Buffer.byteLength(value);
      assert.equal(accepts(value), bytes >= 1 && bytes <= 8192 && !/[\r\n\0]/.test(value));
    }),
  );
  assert.ok(accepts('x'.repeat(8192)));
  assert.ok(!accepts('x'.repeat(8193)));
});

test('names follow the contract to the character', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'Z', '_', '-', '0', '.', ' ', '\n', 'é'), maxLength: 6 });
  fc.assert(
    fc.property(name, (candidate) => {
      assert.equal(secretName.safeParse(candidate).success, /^[A-Za-z_][A-Za-z0-9_-]*(?![^])/.test(candidate));
      assert.equal(envKey.safeParse(candidate).success, /^[A-Za-z_][A-Za-z0-9_]*(?![^])/.test(candidate));
    }),
  );
  assert.ok(secretName.safeParse('a'.repeat(128)).success);
  assert.ok(!secretName.safeParse('a'.repeat(129)).success);
});

test('a limit in bytes counts bytes, at both of its ends', () => {
  const schema = text({ min: 2, max: 6 });
  for (const [value, fits] of [
    ['a', false],
    ['é', true],
    ['€€', true],
    ['€€a', false],
    ['a\0b', false],
  ] as const) {
    assert.equal(schema.safeParse(value).success, fits, value);
  }
});

test('a number in a query string is decimal digits and nothing else', () => {
  const schema = queryNumber({ min: 0, max: 200 });
  for (const good of ['0', '1', '200']) assert.equal(schema.parse(good), Number(good));
  for (const bad of [
    '',
    ' 1',
    '01',
    '1.0',
    '1e1',
    '0x1',
    '-1',
    '+1',
    '201',
    '9'.repeat(30),
    'Infinity',
    null,
    true,
    ['1'],
  ]) {
    assert.ok(!schema.safeParse(bad).success, String(bad));
  }
});

test('an id is one, in whatever case, after which it is in lower case', () => {
  assert.equal(uuid.parse('AAAAAAAA-bbbb-4ccc-8ddd-EEEEEEEEEEEE'), 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee');
  for (const bad of ['', 'a', 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee\n', '{aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee}']) {
    assert.ok(!uuid.safeParse(bad).success, bad);
  }
});

test('an unknown field is refused at every level, by name', () => {
  const { error } = strict({ known: text({ max: 1 }).optional() }).safeParse({ unknown: 1 });
  assert.equal(error?.issues[0]?.message, 'unknown field "unknown" (known here: known)');
  for (const nested of [{ network: { x: 1 } }, { mounts: [{ source: '/a', target: '/a', x: 1 }] }]) {
    assert.ok(!createSandboxRequest.safeParse({ name: 'a', ...nested }).success);
  }
});

test('access token and sandbox are found among the subprotocols wherever they stand', () => {
  const token = tokenSubprotocol('abc.def-_');
  for (const header of [`superserve.exec.v1, ${token}`, `${token},superserve.exec.v1`, token]) {
    assert.equal(tokenOf(header), 'abc.def-_');
  }
  assert.equal(sandboxOf(`superserve.exec.v1, ${token}, ${sandboxSubprotocol('id')}`), 'id');
  assert.equal(sandboxOf(token), undefined);
  assert.equal(tokenOf('superserve.exec.v1'), undefined);
  assert.equal(tokenOf(''), undefined);
});
