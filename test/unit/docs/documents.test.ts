import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { statusOf } from '../../../src/api/problems.ts';
import { refusals } from '../../../src/egress/refusals.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const documents = globSync(['*.md', 'docs/**/*.md'], { cwd: root });

test('every link in the documents leads to a file, and to a heading that it has', () => {
  assert.ok(documents.length > 20, 'the documents were found');
  const broken = documents.flatMap((path) =>
    [...withoutCode(read(path)).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^https?:/.test(target) && !leadsSomewhere(path, target))
      .map((target) => `${path}: ${target}`),
  );
  assert.deepEqual(broken, []);
});

test('every file that the documents name is there', () => {
  const missing = documents.flatMap((path) =>
    [...read(path).matchAll(/`((?:src|test|scripts|docs|bench|bin)\/[\w./-]*)`/g)]
      .map(([, named = '']) => named)
      .filter((named) => !existsSync(join(root, named)))
      .map((named) => `${path}: ${named}`),
  );
  assert.deepEqual(missing, []);
});

test('docs/errors.md has every code with its status, and no other', () => {
  const [api = '', egress = ''] = read('docs/errors.md').split('## The egress proxy');
  assert.deepEqual(codesIn(api), statusOf);
  assert.deepEqual(codesIn(egress), refusals);
});

test('what is generated is current', () => {
  execFileSync(process.execPath, [join(root, 'scripts/generate.ts'), '--check'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
});

test('the threat table links every security test, each in its own row', () => {
  const rows = new Map(
    [...read('SECURITY.md').matchAll(/^\| (\d+) +\|.*$/gm)].map(([row, number = '']) => [Number(number), row]),
  );
  assert.deepEqual(
    [...rows.keys()],
    Array.from({ length: 25 }, (_, index) => index + 1),
  );
  const unlinked = globSync('test/security/row-*.test.ts', { cwd: root }).filter((path) => {
    const number = Number(/row-(\d+)/.exec(path)?.[1]);
    return rows.get(number)?.includes(`](${path})`) !== true;
  });
  assert.deepEqual(unlinked, [], 'link these in the last column of their row');
});

test('every decision is in the index', () => {
  const index = read('docs/adr/README.md');
  const left = globSync('docs/adr/[0-9]*.md', { cwd: root }).filter((path) => !index.includes(`(${path.slice(9)})`));
  assert.deepEqual(left, []);
});

test('every direct dependency has its reason, and no reason is left without one', () => {
  const manifest: Record<string, Record<string, string>> = JSON.parse(read('package.json'));
  const direct = ['dependencies', 'optionalDependencies', 'devDependencies'].flatMap((each) =>
    Object.keys(manifest[each] ?? {}),
  );
  const [reasons = ''] = read('docs/adr/0023-dependencies.md').split('Of what these bring along');
  const named = [...reasons.matchAll(/^\| (`.*?`) +\|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  );
  const families = direct.map((name) => (name.startsWith('@types/') ? '@types/*' : name));
  assert.deepEqual([...new Set(families)].toSorted(), named.toSorted());
});

test('the README names every command that there is, and no other', () => {
  const help = (...words: string[]) =>
    execFileSync(process.execPath, [join(root, 'src/main.ts'), ...words, '--help'], { encoding: 'utf8' });
  const commandsOf = (text: string) =>
    [...text.matchAll(/^[A-Z][a-z ]+:\n((?: {2,}.*\n)+)/gm)]
      .flatMap(([, lines = '']) => [...lines.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name = '']) => name))
      .filter((name) => name !== 'help');
  const named = [...read('README.md').matchAll(/^\| `standin (.*?)` +\|/gm)].map(([, cell = '']) =>
    cell.replaceAll('`', '').split(/ · | /),
  );
  const groups = new Set(named.filter((words) => words.length > 1).map(([group = '']) => group));
  const there = commandsOf(help()).flatMap((name) =>
    groups.has(name) ? commandsOf(help(name)).map((each) => `${name} ${each}`) : [name],
  );
  const rows = named.flatMap(([group = '', ...names]) =>
    names.length === 0 ? [group] : names.map((name) => `${group} ${name}`),
  );
  assert.deepEqual(rows.toSorted(), there.toSorted());
});

/** `code` → status of the rows of a table of codes. */
function codesIn(text: string): Record<string, number> {
  return Object.fromEntries(
    [...text.matchAll(/^\| `(\w+)` +\| (\d{3}) +\|/gm)].map(([, code = '', status]) => [code, Number(status)]),
  );
}

function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : join(dirname(from), path);
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || headingsOf(read(target)).includes(anchor);
}

/** Anchors of headings, as code hosts make them. */
function headingsOf(document: string): string[] {
  return [...withoutCode(document).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutCode(document: string): string {
  return document.replaceAll(/^```[^]*?^```/gm, '');
}
