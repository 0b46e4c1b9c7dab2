import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Who may import whom: a room's own files, and what is named here (a room, or one file of it). */
const mayImport: Record<string, readonly string[]> = {
  contract: [],
  crypto: [],
  store: [],
  sandbox: [],
  egress: ['crypto/secret.ts'],
  vault: ['store/store.ts', 'store/trail.ts', 'crypto', 'sandbox/driver.ts'],
  api: ['contract', 'vault', 'crypto/secret.ts'],
  client: ['contract'],
  webhooks: ['store/store.ts', 'store/trail.ts', 'crypto', 'vault/webhook-key.ts'],
  mcp: ['client', 'contract'],
  // Near matches are found as the server finds them.
  cli: ['client', 'contract', 'mcp', 'config.ts', 'config-settings.ts', 'vault/nearest.ts'],
  'config.ts': ['config-settings.ts', 'config-values.ts'],
  'config-settings.ts': ['config-values.ts'],
  'config-values.ts': [],
  'audit-rows.ts': [],
  'errors.ts': [],
  'log.ts': [],
  'stand-in.ts': [],
  net: [],
};

/** Open to every room. */
const open = ['audit-rows.ts', 'errors.ts', 'log.ts', 'stand-in.ts', 'net'];

/** The only readers of the environment, each with its reason. */
const environmentReaders: Record<string, string> = {
  'src/config.ts': 'the settings',
  'src/cli/io.ts':
    "the person's own variables: TERM, --from-env, what `run` passes on; settings still go through config",
  'src/client/library/connection.ts':
    'STANDIN_URL and STANDIN_API_KEY of the program that uses `standin/client`; it has no settings of ours',
  'src/cli/demo/story.ts': 'in the text of a program that the sandbox runs, not in this one',
};

/** The only files that hand on what others export, each with its reason. */
const entryPoints: Record<string, string> = {
  'src/client/library.ts': 'what the package exports as `standin/client`',
};

/** Every place that reads a secret's bytes: how often, and what for. */
const exposures: Record<string, { calls: number; why: string }> = {
  'src/crypto/access-token.ts': { calls: 1, why: 'the key of an HMAC' },
  'src/crypto/preview-token.ts': { calls: 1, why: 'the key of an HMAC' },
  'src/crypto/envelope.ts': { calls: 1, why: 'encrypts it' },
  'src/first-start.ts': { calls: 1, why: 'opens the key that access tokens are derived from' },
  'src/vault/value.ts': { calls: 2, why: 'judges its bytes, and chooses the prefix of its stand-in' },
  'src/webhooks/signature.ts': { calls: 1, why: 'the key of an HMAC' },
  'src/egress/supervisor.ts': { calls: 1, why: 'hands it to the worker that asked, over IPC' },
  'src/egress/outgoing-request.ts': { calls: 1, why: 'writes it into the head that goes upstream' },
  'src/egress/registry.ts': { calls: 1, why: 'compiles what answers are searched for' },
};

const mostLines = 400;

interface Source {
  /** Relative to the repository: `src/api/problems.ts`. */
  path: string;
  text: string;
  /** Without comments, so that a sentence about an import is not taken for one. */
  code: string;
}

const sources = read(['src/**/*.ts']);
const consoleSources = read(['console/src/**/*.{ts,tsx}']);
const all = [...sources, ...consoleSources, ...read(['test/**/*.ts', 'scripts/**/*.ts', 'bench/**/*.ts'])];

/** What of the server's source the console runs, beside the types of the contract: nothing that brings more along. */
const consoleRuns = new Set(['src/contract/exec-wire.ts']);

test('every room imports only what the architecture allows it', () => {
  assert.ok(sources.length > 50, 'the sources were found');
  const wrong = sources.flatMap((source) =>
    importsOf(source)
      .filter((target) => !isAllowed(source.path, target))
      .map((target) => `${source.path} imports ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test('every room is in the table of who may import whom', () => {
  const rooms = new Set(sources.map(({ path }) => roomOf(path)));
  rooms.delete('main');
  assert.deepEqual(
    [...rooms].filter((room) => mayImport[room] === undefined),
    [],
  );
});

test('the console imports types of the contract, what the table names, and its own files', () => {
  assert.ok(consoleSources.length > 50, 'the sources were found');
  const wrong = consoleSources.flatMap((source) => {
    const typesOnly = importsOf({ ...source, code: source.code.replaceAll(/^import (?!type )[^;]*;/gm, '') });
    return importsOf(source)
      .filter((target) => !target.startsWith('console/src/') && !target.startsWith('@'))
      .filter((target) => !consoleRuns.has(target))
      .filter((target) => !target.startsWith('src/contract/') || !typesOnly.includes(target))
      .map((target) => `${source.path} imports ${target}`);
  });
  assert.deepEqual(wrong, []);
});

test('no room imports, by way of others, itself', () => {
  const graph = new Map<string, Set<string>>();
  for (const source of sources) {
    const from = roomOf(source.path);
    const targets = graph.get(from) ?? new Set();
    for (const target of importsOf(source)) if (roomOf(target) !== from) targets.add(roomOf(target));
    graph.set(from, targets);
  }
  for (const room of graph.keys()) {
    assert.deepEqual(wayBack(graph, room), [], `${room} imports itself by way of these`);
  }
});

test('the environment is read in one place, and where the table says why', () => {
  const readers = sources
    .filter(({ code }) => /\bprocess\s*(\.\s*env\b|\[)|\}\s*=\s*process\b/.test(code))
    .map(({ path }) => path);
  assert.deepEqual(readers.toSorted(), Object.keys(environmentReaders).toSorted());
});

test('the bytes of a secret are read only at the places that the table lists', () => {
  const found = Object.fromEntries(
    sources
      .filter(({ path }) => path !== 'src/crypto/secret.ts')
      .map(({ path, code }) => [path, exposuresIn(code)] as const)
      .filter(([, calls]) => calls > 0),
  );
  assert.deepEqual(found, Object.fromEntries(Object.entries(exposures).map(([path, { calls }]) => [path, calls])));
});

test(`no file is longer than ${mostLines} lines`, () => {
  const long = all
    .map(({ path, text }) => `${path}: ${text.split('\n').length - 1}`)
    .filter((line) => Number(line.split(': ')[1]) > mostLines);
  assert.deepEqual(long, []);
});

test('nothing is exported as default, and no file but an entry point hands on what others export', () => {
  const defaults = all.filter(({ code }) => /^export default\b|^export \{[^}]*\bas default\b/m.test(code));
  assert.deepEqual(
    defaults.map(({ path }) => path),
    [],
  );
  const handsOn = sources.filter(({ code }) => /^export (\*|(type )?\{[^}]*\}) (as \w+ )?from /m.test(code));
  assert.deepEqual(
    handsOn.map(({ path }) => path),
    Object.keys(entryPoints),
  );
});

test('the rules above see what they are to see', () => {
  const sample = stripComments(
    "// import { x } from './a.ts';\nimport './b.ts';\nconst c = await import('../c.ts');\n",
  );
  assert.deepEqual(importsOf({ path: 'src/api/x.ts', text: '', code: sample }), ['src/api/b.ts', 'src/c.ts']);
  assert.equal(isAllowed('src/api/x.ts', 'src/store/store.ts'), false);
  assert.equal(isAllowed('src/egress/x.ts', 'src/crypto/envelope.ts'), false);
  assert.equal(isAllowed('src/egress/x.ts', 'src/crypto/secret.ts'), true);
  assert.equal(isAllowed('src/vault/x.ts', 'src/main.ts'), false);
  assert.equal(isAllowed('src/main.ts', 'src/vault/vault.ts'), true);
  assert.equal(exposuresIn('import { exposeSecret } from "x";\nf(exposeSecret(a), map(exposeSecret));'), 2);
  const ring = new Map([
    ['a', new Set(['b'])],
    ['b', new Set(['c'])],
    ['c', new Set(['a'])],
  ]);
  assert.deepEqual(wayBack(ring, 'a'), ['b', 'c']);
});

function read(patterns: string[]): Source[] {
  const ours = globSync(patterns, { cwd: root }).filter((path) => !path.includes('node_modules'));
  return ours.map((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    return { path: path.replaceAll('\\', '/'), text, code: stripComments(text) };
  });
}

/** Good enough for sources in one format: `//` inside a string would need a space or a line's start before it. */
function stripComments(text: string): string {
  return text.replaceAll(/^\s*\/\*[^]*?\*\//gm, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1');
}

/** Our own files that a file imports, by whichever form, as paths of the repository. */
function importsOf({ path, code }: Source): string[] {
  const specifiers = code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)['"](\.[^'"]+)['"]/g);
  return [...specifiers].map((match) => normalize(join(dirname(path), match[1] ?? '')));
}

/** A folder below src, or a file in it; what the composition root is made of counts as `main`. */
function roomOf(path: string): string {
  const [, room = ''] = path.split('/');
  return room.endsWith('.ts') && mayImport[room] === undefined ? 'main' : room;
}

function isAllowed(from: string, target: string): boolean {
  const room = roomOf(from);
  if (room === 'main' || room === roomOf(target)) return true;
  const allowed = [...open, ...(mayImport[room] ?? [])];
  return allowed.some((each) => target === `src/${each}` || target.startsWith(`src/${each}/`));
}

/** The rooms on a way from `start` back to `start`; empty where there is none. */
function wayBack(graph: Map<string, Set<string>>, start: string): string[] {
  const seen = new Set<string>();
  const walk = (room: string, way: string[]): string[] => {
    for (const next of graph.get(room) ?? []) {
      if (next === start) return way;
      if (seen.has(next)) continue;
      seen.add(next);
      const found = walk(next, [...way, next]);
      if (found.length > 0) return found;
    }
    return [];
  };
  return walk(start, []);
}

function exposuresIn(code: string): number {
  const mentions = code.match(/\bexposeSecret\b/g)?.length ?? 0;
  const imports = code.match(/^import [^;]*\bexposeSecret\b/gm)?.length ?? 0;
  return mentions - imports;
}
