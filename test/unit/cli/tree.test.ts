import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { commandsBelow, commandTree, printed } from './tree.ts';

/** These print a shell's or a program's own output; `run` and `exec` have `--json` all the same. */
const all = commandsBelow(commandTree());
const leaves = all.filter(({ command }) => command.commands.length === 0);
const groups = all.filter(({ command }) => command.commands.length > 0);

test('every command takes --json and --color', () => {
  assert.ok(leaves.length > 35, `${leaves.length} commands were found`);
  for (const { path, command } of leaves) {
    const flags = new Set(command.options.map(({ long }) => long));
    for (const flag of ['--json', '--color']) assert.ok(flags.has(flag), `${path.join(' ')} has no ${flag}`);
  }
});

test('every command and every group says in its help what it does, with examples of itself', async () => {
  assert.ok(groups.length >= 8, `${groups.length} groups were found`);
  for (const { path, command } of all) {
    const name = path.join(' ');
    const { code, stdout } = await printed([...path, '--help']);
    assert.equal(code, 0, name);
    assert.match(stdout, new RegExp(`^Usage: standin ${name}`), name);
    assert.ok(command.summary().length > 10, `${name} has a summary`);
    const [, examples = ''] = stdout.split('\nExamples:\n');
    assert.match(examples, /^ {2}# \S.*\n {2}\$ \S/, `${name} has examples`);
    assert.match(examples, new RegExp(String.raw`\$ .*standin ${name}\b`), `${name} is in its own examples`);
  }
});

test('what the examples type is a command line that is understood', () => {
  const known = new Map(all.map(({ path, command }) => [path.join(' '), command]));
  for (const { path, command } of all) {
    const text = helpOf(command);
    for (const [, line = ''] of text.matchAll(/^ {2}\$ (.*)$/gm)) {
      for (const [, typed = ''] of line.matchAll(/standin ((?:[a-z]+ ?)+)/g)) {
        const words = typed.trim().split(' ');
        const named = words.map((_, at) => words.slice(0, at + 1).join(' ')).filter((each) => known.has(each));
        assert.ok(named.length > 0, `${path.join(' ')}: ${line}`);
      }
      const flags = line.split(' -- ')[0]?.match(/ --[a-z-]+/g) ?? [];
      const target = known.get(longestName(line, known)) ?? command;
      for (const flag of flags.map((each) => each.trim())) {
        assert.ok(
          target.options.some(({ long }) => long === flag) || flag === '--help',
          `${path.join(' ')}: ${flag} in \`${line}\``,
        );
      }
    }
  }
});

test('without arguments it teaches the first three steps', async () => {
  const { code, stdout } = await printed([]);
  assert.equal(code, 0);
  const steps = [...stdout.matchAll(/^ {5}\$ standin (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(steps, ['serve', 'secret', 'run']);
});

test('commands are shown in groups, each of them', async () => {
  const { stdout } = await printed(['--help']);
  const [, listed = ''] = stdout.split('Start here:');
  for (const { path } of all.filter((each) => each.path.length === 1)) {
    assert.match(listed, new RegExp(`^ {2}${path[0]}\\b`, 'm'), path.join(' '));
  }
  assert.equal(stdout.includes('\nCommands:\n'), false, 'none is left without a group');
});

test('a group without a command shows its help and is wrong usage', async () => {
  const { code, stdout, stderr } = await printed(['secret']);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /^Usage: standin secret/);
});

test('help is coloured on a terminal and plain elsewhere, and as --color and the environment say', async () => {
  const codes = async (options: Parameters<typeof printed>[1]) =>
    (await printed(['--help'], options)).stdout.includes('\u001B[');
  assert.equal(await codes({ columns: 100 }), true);
  assert.equal(await codes({ columns: 100, env: { NO_COLOR: '1' } }), false);
  assert.equal(await codes({ columns: 100, env: { TERM: 'dumb' } }), false);
  assert.equal(await codes({}), false);
  assert.equal(await codes({ env: { FORCE_COLOR: '1' } }), true);
});

test('with --json what went wrong is one line of JSON on stderr, with what to do', async () => {
  const env = { HOME: '/nonexistent', STANDIN_DATA_DIR: '/nonexistent' };
  for (const [words, code, expected] of [
    [['secret', 'list', '--json'], 1, 'failed'],
    [['secret', 'list', '--json', '--jsn'], 2, 'usage'],
    [['sandbox', 'attach', 'x', '--json', 'KEY'], 2, 'usage'],
  ] as const) {
    const end = await printed([...words], { env, columns: 100 });
    assert.equal(end.code, code);
    assert.equal(end.stdout, '');
    const { error } = JSON.parse(end.stderr);
    assert.equal(error.code, expected);
    assert.equal(error.exit_code, code);
    assert.equal(typeof error.message, 'string');
    assert.equal('fix' in error, true);
  }
});

test('the words of another program are not taken for our own --json', async () => {
  const env = { HOME: '/nonexistent', STANDIN_DATA_DIR: '/nonexistent' };
  const { stderr } = await printed(['run', '--plain', 'tool', '--json'], { env });
  assert.match(stderr, /^error: /);
});

test('on a terminal what to do stands on a line of its own', async () => {
  const { stderr } = await printed(['secret', 'list', '--jsn'], { columns: 100 });
  assert.equal(stripVTControlCharacters(stderr), "error: unknown option '--jsn'\n     → did you mean --json?\n");
});

function helpOf(command: ReturnType<typeof commandTree>): string {
  let text = '';
  command.configureOutput({ writeOut: (each) => void (text += each), getOutHasColors: () => false });
  command.outputHelp();
  return text;
}

function longestName(line: string, known: ReadonlyMap<string, unknown>): string {
  const [, typed = ''] = /standin ((?:[a-z]+ ?)+)/.exec(line) ?? [];
  const words = typed.trim().split(' ');
  return words.map((_, at) => words.slice(0, at + 1).join(' ')).findLast((each) => known.has(each)) ?? '';
}
