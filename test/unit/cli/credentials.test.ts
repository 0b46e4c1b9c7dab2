import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { recognise } from '../../../src/cli/credentials/recognise.ts';
import { shapesOf } from '../../../src/cli/credentials/shapes.ts';
import { parseDotenv } from '../../../src/cli/import/dotenv.ts';

const valuesOf = (text: string) => parseDotenv(text).map(({ name, value }) => [name, value]);

test('assignments are read as the dotenv packages read them', () => {
  assert.deepEqual(
    valuesOf(`
# A=comment
A=plain
export B = spaced out  # said
C='single # kept \\n'
D="double\\n\\"x\\" \\\\ y" # after
E=\`back "tick" 'quotes'\`
F="two
lines"
G=
H=a#b
I="open
not an assignment
J.K=1
`),
    [
      ['A', 'plain'],
      ['B', 'spaced out'],
      ['C', 'single # kept \\n'],
      ['D', 'double\n"x" \\ y'],
      ['E', `back "tick" 'quotes'`],
      ['F', 'two\nlines'],
      ['G', ''],
      ['H', 'a#b'],
      ['I', '"open'],
      ['J.K', '1'],
    ],
  );
  assert.deepEqual(valuesOf('A=1\r\nB="2"\r\n'), [
    ['A', '1'],
    ['B', '2'],
  ]);
  assert.deepEqual(valuesOf('\u{FEFF}A=1'), [['A', '1']]);
});

test('assignments do not overlap, and each says where it stands', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('A', '=', '"', "'", '\n', '\\', '#', ' ', 'b', '\r', '`') }),
      (text) => {
        let before = 0;
        for (const { start, end, name } of parseDotenv(text)) {
          assert.ok(start >= before && end >= start);
          assert.ok(text.slice(start, end).includes(name));
          before = end;
        }
      },
    ),
  );
});

const shapes = shapesOf([
  {
    name: 'anthropic',
    token_shape: 'sk-ant-api03- + 95 base64url characters, or sk-ant-oat01- + 95 base64url characters',
  },
  { name: 'openai', token_shape: 'sk-proj- + 156 base64url characters, or sk- + 48 letters and digits' },
  { name: 'deepseek', token_shape: 'sk- + 32 letters and digits' },
  { name: 'datadog', token_shape: '32 hex digits' },
  { name: 'brave', token_shape: 'BSA + letters and digits' },
]);

test('a key is known by its shape, the longest prefix first, and by its length where two providers share one', () => {
  const of = (name: string, value: string) => {
    const found = recognise(name, value, shapes);
    return found && [found.provider, found.by, found.prefix];
  };
  assert.deepEqual(of('X', `sk-ant-api03-${'a'.repeat(95)}`), ['anthropic', 'shape', 'sk-ant-api03-']);
  assert.deepEqual(
    of('X', `sk-ant-api03-${'a'.repeat(50)}`),
    ['anthropic', 'shape', 'sk-ant-api03-'],
    'another length',
  );
  assert.deepEqual(of('X', `sk-${'a'.repeat(48)}`), ['openai', 'shape', 'sk-']);
  assert.deepEqual(of('X', `sk-${'a'.repeat(32)}`), ['deepseek', 'shape', 'sk-']);
  assert.deepEqual(of('X', `sk-${'a'.repeat(40)}`), [null, 'shape', 'sk-'], 'either');
  assert.deepEqual(of('DEEPSEEK_KEY', `sk-${'a'.repeat(40)}`), ['deepseek', 'shape', 'sk-'], 'its name decides');
});

test('where one vendor’s keys go to several places, its own name is meant, unless the variable says otherwise', () => {
  const words = 'ghp_ + 36 letters and digits';
  const github = shapesOf(['ghcr', 'github', 'github-npm'].map((name) => ({ name, token_shape: words })));
  const of = (name: string) => recognise(name, `ghp_${'a'.repeat(36)}`, github)?.provider;
  assert.deepEqual(['GH_TOKEN', 'GHCR_TOKEN', 'GITHUB_NPM_TOKEN'].map(of), ['github', 'ghcr', 'github-npm']);
});

test('what begins at random counts only with the name of its provider', () => {
  const hex = '0123456789abcdef'.repeat(2);
  assert.equal(recognise('DATADOG_API_KEY', hex, shapes)?.provider, 'datadog');
  assert.equal(recognise('COMMIT', hex, shapes), null);
});

test('what is no credential is not taken for one; what is one of nobody known is', () => {
  for (const [name, value] of [
    ['PORT', '3000'],
    ['API_KEY', 'your-key-here'],
    ['AUTH', 'true'],
    ['PUBLIC_KEY', './keys/public.pem'],
    ['NEXT_PUBLIC_URL', 'https://example.com/a/very/long/path'],
    ['SECRET_TOKEN', '${OTHER}'],
  ] as const) {
    assert.equal(recognise(name, value, shapes), null, name);
  }
  for (const [name, value] of [
    ['DB_PASSWORD', 'hunter2hunter2'],
    ['DATABASE_URL', 'postgres://me:hunter2@db/x'],
    ['X', 'AKIAIOSFODNN7EXAMPLE'],
    ['X', `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.c`],
    ['X', '-----BEGIN RSA PRIVATE KEY-----\nabc'],
  ] as const) {
    assert.deepEqual(
      [recognise(name, value, shapes)?.by, recognise(name, value, shapes)?.provider],
      ['guess', null],
      value,
    );
  }
});
