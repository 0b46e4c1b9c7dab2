import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { processIo } from '../../../src/cli/io.ts';
import type { Io } from '../../../src/cli/io.ts';
import { findProject } from '../../../src/cli/project/find.ts';
import { loadProject, projectOf, summaryOf } from '../../../src/cli/project/load.ts';
import { parseProjectFile } from '../../../src/cli/project/schema.ts';
import { settle } from '../../../src/cli/project/settle.ts';
import type { ProjectOptions } from '../../../src/cli/project/settle.ts';
import { isTrusted, remember, trustFile } from '../../../src/cli/project/trust.ts';
import { shapesOf } from '../../../src/cli/credentials/shapes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { printed } from './tree.ts';

const directory = temporaryDirectory('project');
after(() => directory.remove());
const shapes = shapesOf([{ name: 'github', token_shape: 'ghp_ + 36 letters and digits' }]);

/** A pipe to which nobody writes. */
function fifo(): string {
  const path = join(directory.path, 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}

let projects = 0;
/** A project with that file, and a person who has agreed to nothing yet and cannot be asked. */
function project(text: string): { root: string; io: Io } {
  const root = join(directory.path, `p${projects++}`);
  mkdirSync(join(root, 'deep', 'down'), { recursive: true });
  writeFileSync(join(root, '.standin.yaml'), text);
  const env = { HOME: join(directory.path, 'home') };
  return { root, io: { ...processIo(), env, cwd: root, stdin: Object.assign(processIo().stdin, { isTTY: false }) } };
}

const load = (io: Io, trust = false) => loadProject(io, { shapes: () => Promise.resolve(shapes), trust });

test('the nearest file upwards holds, and where there is none nothing does', () => {
  const { root } = project('timeout: 5\n');
  assert.equal(findProject(join(root, 'deep', 'down'))?.path, join(root, '.standin.yaml'));
  writeFileSync(join(root, 'deep', '.standin.yaml'), 'timeout: 6\n');
  assert.equal(findProject(join(root, 'deep', 'down'))?.root, join(root, 'deep'));
  assert.equal(findProject(directory.path), null);
});

test('all that it may say is read', () => {
  const text = `
secrets: { API_KEY: anthropic-prod }
env: { PORT: 8080, DEBUG: true, NAME: x }
network: { allow_out: [a.example.com], deny_out: [192.0.2.0/24], intercept: bound, tunnel_out: [b.example.com] }
driver: gvisor
template: python
mounts: [./data:/data:ro, ../shared]
timeout: 60
`;
  const { mounts, ...rest } = projectOf({ path: '/w/p/.standin.yaml', root: '/w/p', text }, shapes);
  assert.deepEqual(mounts, [
    { source: '/w/p/data', target: '/data', read_only: true },
    { source: '/w/shared', target: '/w/shared', read_only: false },
  ]);
  assert.deepEqual(rest, {
    path: '/w/p/.standin.yaml',
    secrets: { API_KEY: 'anthropic-prod' },
    env: { PORT: '8080', DEBUG: 'true', NAME: 'x' },
    network: {
      allow_out: ['a.example.com'],
      deny_out: ['192.0.2.0/24'],
      intercept: 'bound',
      tunnel_out: ['b.example.com'],
    },
    driver: 'gvisor',
    template: 'python',
    timeout: 60,
  });
  assert.deepEqual(parseProjectFile('/x', '# nothing\n', shapes), {});
});

test('what is wrong is named with its line and its field', () => {
  for (const [text, message] of [
    ['secrets:\n  A: b\nsecret: 1\n', /^\/x:3: secret is not known; there are secrets, env, network/],
    ['network:\n  allow_in: [a]\n', /^\/x:2: network\.allow_in is not known$/],
    ['timeout: soon\n', /^\/x:1: timeout must be seconds/],
    ['mounts:\n  - ok\n  - {a: b}\n', /^\/x:3: mounts\.1 must be text/],
    ['driver: external\n', /^\/x:1: driver must be bubblewrap or gvisor; `external` isolates nothing/],
    ['secrets:\n  BAD-NAME: x\n', /^\/x:2: secrets\.BAD-NAME .*variable/],
    ['a: [\n', /^\/x:\d+: /],
    ['env: {A: 1}\nenv: {B: 2}\n', /^\/x:2: /],
    ['- a\n', /^\/x:1: /],
  ] as const) {
    assert.throws(() => parseProjectFile('/x', text, shapes), { message }, text);
  }
});

test('a file that unfolds without end is refused', () => {
  const levels = Array.from({ length: 9 }, (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at},`.repeat(9)}]`);
  assert.throws(() => parseProjectFile('/x', `a0: &a0 [x]\n${levels.join('\n')}\n`, shapes), /aliases/);
});

test('a value that looks like a credential is refused by its field and never repeated', () => {
  const value = `ghp_${'a1B2'.repeat(9)}`;
  for (const text of [
    `env:\n  GH: ${value}\n`,
    `secrets:\n  GH: ${value}\n`,
    'env:\n  DB_PASSWORD: hunter2hunter2\n',
  ]) {
    assert.throws(
      () => parseProjectFile('/x', text, shapes),
      (error) =>
        error instanceof Error &&
        /^\/x:2: (env|secrets)\.\w+ looks like a credential/.test(error.message) &&
        !error.message.includes(value) &&
        !error.message.includes('hunter2'),
    );
  }
});

test('a file that nobody has agreed to is not used, and the answer names what to do', async () => {
  const { io } = project('secrets: { K: prod-key }\n');
  await assert.rejects(load(io), (error) => {
    assert.ok(error instanceof Error && 'fix' in error);
    assert.match(error.message, /has not been agreed to/);
    assert.match(String(error.fix), /standin trust.*--trust.*--no-project/);
    return true;
  });
});

test('agreement holds for what the file says at its place, and for nothing else', async () => {
  const text = 'secrets: { K: prod-key }\n';
  const first = project(text);
  const other = project(text);
  const path = join(first.root, '.standin.yaml');
  remember(first.io, path, text);
  assert.deepEqual((await load(first.io))?.secrets, { K: 'prod-key' });
  await assert.rejects(load(other.io), /has not been agreed to/);
  writeFileSync(path, 'secrets: { K: other-key }\n');
  await assert.rejects(load(first.io), /has not been agreed to/);
  writeFileSync(path, text);
  assert.notEqual(await load(first.io), null);
  remember(first.io, path, undefined);
  await assert.rejects(load(first.io), /has not been agreed to/);
});

test('what is remembered is for its person alone, and is not believed where others can write it', async () => {
  const { io, root } = project('timeout: 5\n');
  const path = join(root, '.standin.yaml');
  remember(io, path, 'timeout: 5\n');
  assert.equal(statSync(trustFile(io)).mode & 0o777, 0o600);
  assert.match(readFileSync(trustFile(io), 'utf8'), /"[0-9a-f]{64}"/);
  chmodSync(trustFile(io), 0o666);
  await assert.rejects(load(io), /can be written by others/);
  chmodSync(trustFile(io), 0o600);
  assert.equal(isTrusted(io, { path, root, text: 'timeout: 5\n' }), true);
});

test('--trust agrees to it as it is, and it is remembered', async () => {
  const { io } = project('timeout: 7\n');
  assert.equal((await load(io, true))?.timeout, 7);
  assert.equal((await load(io))?.timeout, 7);
});

test('a mount within the project that leads out of it by a link takes --trust each time', async () => {
  const text = 'mounts: [./data]\n';
  const { io, root } = project(text);
  remember(io, join(root, '.standin.yaml'), text);
  mkdirSync(join(root, 'data'));
  assert.equal((await load(io))?.mounts.length, 1);
  const linked = project(text);
  remember(linked.io, join(linked.root, '.standin.yaml'), text);
  symlinkSync('/etc', join(linked.root, 'data'));
  await assert.rejects(load(linked.io), /is a link that leads out of the project/);
  assert.equal((await load(linked.io, true))?.mounts.length, 1);
});

test('who is asked sees every secret, and what is mounted from outside stands out', () => {
  const text = 'secrets: { K: prod-key }\nmounts: [/home/you/.ssh, ./in:/in:ro]\nenv: { A: b }\n';
  const found = { path: '/w/p/.standin.yaml', root: '/w/p', text };
  const summary = summaryOf(projectOf(found, shapes), '/w/p');
  assert.match(summary, /secret +prod-key, as K/);
  assert.match(summary, /mount +\/home\/you\/\.ssh, WRITABLE \(OUTSIDE the project\)/);
  assert.match(summary, /mount +\/w\/p\/in as \/in, read-only\n/);
  assert.match(summary, /variable +A=b/);
});

test('what matters most is asked about last, above the question, and no list is long enough to push it off', () => {
  const many = Array.from({ length: 64 }, (_, at) => `A${at}: ${'x'.repeat(500)}`).join(', ');
  const text = `secrets: { K: prod-key }\nmounts: [/home/you/.ssh]\nenv: { ${many} }\n`;
  const lines = summaryOf(projectOf({ path: '/w/.standin.yaml', root: '/w', text }, shapes), '/w').split('\n');
  assert.match(lines.at(-2) ?? '', /^ {2}secret +prod-key, as K$/);
  assert.match(lines.at(-3) ?? '', /^ {2}mount +\/home\/you\/\.ssh/);
  assert.match(lines[0] ?? '', /^ {2}variable +A0=x+…$/);
  assert.ok(lines.every((line) => line.length <= 140));
  for (const [field, list] of [
    ['env', `{ ${Array.from({ length: 65 }, (_, at) => `A${at}: x`).join(', ')} }`],
    ['secrets', `{ ${Array.from({ length: 65 }, (_, at) => `A${at}: x`).join(', ')} }`],
    ['mounts', `[${'./x, '.repeat(33)}]`],
  ]) {
    assert.throws(() => parseProjectFile('/x', `${field}: ${list}\n`, shapes), { message: /^\/x:1: .* at most/ });
  }
});

test('a secret’s name is one, and says nothing else to who is asked', () => {
  for (const name of ['prod, as SAFE', 'x\\n  nothing', 'a\\u3164', 'y'.repeat(129)]) {
    assert.throws(() => parseProjectFile('/x', `secrets: { K: "${name}" }\n`, shapes), {
      message: /^\/x:1: secrets\.K /,
    });
  }
});

test('a file that never ends, waits for a writer or is nested without end is refused at once', async () => {
  const long = project('').root;
  writeFileSync(join(long, '.standin.yaml'), `# ${'x'.repeat(70_000)}\n`);
  assert.throws(() => findProject(long), /at most 65536 bytes/);
  for (const target of ['/dev/zero', '/proc/kmsg', fifo()]) {
    const { root } = project('');
    rmSync(join(root, '.standin.yaml'));
    symlinkSync(target, join(root, '.standin.yaml'));
    assert.throws(() => findProject(root), /\.standin\.yaml (is no file|cannot be read)/, target);
  }
  for (const text of ['['.repeat(30_000) + ']'.repeat(30_000), `${'{a: '.repeat(9000)}1${'}'.repeat(9000)}`]) {
    assert.throws(() => parseProjectFile('/x', text, shapes), /nested too deeply/);
  }
});

test('where nothing isolates the command, the file cannot say what its programs load', async () => {
  const text = 'env: { LD_PRELOAD: ./x.so, LEVEL: debug }\n';
  const { io } = project(text);
  const settled = (options: ProjectOptions) =>
    settle(io, { trust: true, ...options }, { shapes: () => Promise.resolve(shapes) });
  assert.deepEqual((await settled({})).env, { LD_PRELOAD: './x.so', LEVEL: 'debug' });
  await assert.rejects(settled({ driver: 'external' }), /env\.LD_PRELOAD .*isolates nothing/);
  const own = await settled({ driver: 'external', env: { LD_PRELOAD: '/mine.so' } });
  assert.equal(own.env['LD_PRELOAD'], '/mine.so');
});

test('text in the file cannot hide a line from who is asked', () => {
  const text = `env: { K: "x\\u001b[2K\\u202e" }\nmounts: ["./a\\u001b[2K\\u202e"]\n`;
  const summary = summaryOf(projectOf({ path: '/w/.standin.yaml', root: '/w', text }, shapes), '/w');
  assert.doesNotMatch(summary.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
});

test('what init writes is understood, with every field that there is in its comments', async () => {
  const cwd = join(directory.path, 'fresh');
  mkdirSync(cwd);
  const { code, stdout } = await printed(['init', '-s', 'ANTHROPIC_API_KEY=anthropic-prod'], {
    cwd,
    env: { HOME: join(directory.path, 'home') },
  });
  assert.equal(code, 0);
  const path = join(cwd, '.standin.yaml');
  assert.equal(stdout, `wrote ${path}\n`);
  const text = readFileSync(path, 'utf8');
  assert.deepEqual(parseProjectFile(path, text, shapes).secrets, { ANTHROPIC_API_KEY: 'anthropic-prod' });
  const whole = parseProjectFile(
    path,
    text.replaceAll(/^# (?=[a-z]+:|  )/gm, '').replace(/^secrets:\n.*\n/m, ''),
    shapes,
  );
  assert.deepEqual(Object.keys(whole).toSorted(), ['driver', 'env', 'mounts', 'network', 'template', 'timeout']);
  assert.equal((await printed(['init'], { cwd, env: { HOME: '/nonexistent' } })).code, 1, 'it does not write over one');
});
