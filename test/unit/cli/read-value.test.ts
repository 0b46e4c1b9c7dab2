import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { refuseArgument } from '../../../src/cli/read-value.ts';
import { runProgram } from '../../support/processes.ts';
import { canMakeTerminals, startOnTerminal } from './terminal.ts';

const program = fileURLToPath(new URL('read-value-program.ts', import.meta.url));
const skip = canMakeTerminals() ? false : 'needs script(1) of util-linux';

async function readFrom(
  args: string[],
  options: { input?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const { stdout } = await runProgram(process.execPath, [program, ...args], { env: {}, ...options });
  return stdout.trim();
}

const hex = (text: string) => `hex:${Buffer.from(text).toString('hex')}`;

test('one line break at the end of stdin is dropped, all else is kept to the byte', async () => {
  for (const [input, value] of [
    ['key', 'key'],
    ['key\n', 'key'],
    ['key\r\n', 'key'],
    ['key\n\n', 'key\n'],
    [' key ', ' key '],
    ['\u{FEFF}schlüssel🔑\n', '\u{FEFF}schlüssel🔑'],
  ] as const) {
    assert.equal(await readFrom(['--from-stdin'], { input }), hex(value), JSON.stringify(input));
  }
});

test('an empty stdin and one that is too long are refused', async () => {
  assert.match(await readFrom(['--from-stdin'], { input: '' }), /^refused:stdin was empty/);
  assert.match(await readFrom(['--from-stdin'], { input: '\n' }), /^refused:stdin was empty/);
  assert.equal(await readFrom(['--from-stdin'], { input: `${'x'.repeat(8192)}\n` }), hex('x'.repeat(8192)));
  assert.match(await readFrom(['--from-stdin'], { input: 'x'.repeat(8193) }), /^refused:the value is over 8192 bytes/);
});

test('bytes that are not UTF-8 are refused, not replaced', async () => {
  const line = `printf 'a\\377b' | "$0" "$1" --from-stdin`;
  const { stdout } = await runProgram('sh', ['-c', line, process.execPath, program]);
  assert.match(stdout, /^refused:stdin was not UTF-8/);
});

test('a variable is taken by its name; one that is not set is refused by its name', async () => {
  assert.equal(await readFrom(['--from-env', 'KEY'], { env: { KEY: 'from env\n' } }), hex('from env\n'));
  assert.match(await readFrom(['--from-env', 'KEY']), /^refused:the variable KEY is not set/);
  assert.match(await readFrom(['--from-env', 'KEY'], { env: { KEY: '' } }), /^refused:the variable KEY is not set/);
});

test('without a terminal and without being told where from, nothing is read', async () => {
  assert.match(await readFrom([], { input: 'key\n' }), /^refused:there is no terminal/);
});

test('what is typed at the prompt arrives whole and never shows, nor does its length', { skip }, async () => {
  const typed = 'sk-live-typed-at-the-prompt';
  const short = await typedAtPrompt('k');
  const long = await typedAtPrompt(typed);
  assert.ok(long.includes(hex(typed)), long);
  assert.equal(long.includes('sk-live'), false);
  assert.deepEqual(charactersBefore(long, 'hex:'), charactersBefore(short, 'hex:'));
  for (const mask of ['▪▪', '••', '**']) assert.equal(long.includes(mask), false, mask);
});

test('Ctrl-C at the prompt stores nothing', { skip }, async () => {
  assert.match(await typedAtPrompt('half', '\u0003'), /refused:nothing was stored/);
});

test('the refusal of an argument does not repeat it', () => {
  refuseArgument(undefined);
  assert.throws(
    () => refuseArgument('sk-live'),
    (error) =>
      error instanceof Error &&
      !error.message.includes('sk-live') &&
      /never taken from an argument/.test(error.message),
  );
});

/** Which characters the terminal showed, whatever their number. */
function charactersBefore(shown: string, end: string): string[] {
  return [...new Set(stripVTControlCharacters(shown.split(end)[0] ?? ''))].toSorted();
}

async function typedAtPrompt(text: string, end = '\r'): Promise<string> {
  const terminal = startOnTerminal([process.execPath, program]);
  await terminal.waitFor(/Value of k/);
  terminal.type(text + end);
  await terminal.ended;
  return terminal.shown();
}
