import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { agents } from '../../../src/cli/agents/agents.ts';
import { findProgram } from '../../../src/cli/agents/find-program.ts';
import { needsOf } from '../../../src/cli/agents/needs.ts';
import { catalogue } from '../../../src/vault/providers/catalogue.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const directory = temporaryDirectory('agents-unit');
after(() => directory.remove());

let homes = 0;
/** A home with these files; those under `bin` may be run. */
function home(files: Record<string, string | { link: string }>): {
  path: string;
  io: { env: NodeJS.ProcessEnv; cwd: string };
} {
  const path = join(directory.path, `home-${homes++}`);
  for (const [name, content] of Object.entries(files)) {
    const place = join(path, name);
    mkdirSync(dirname(place), { recursive: true });
    if (typeof content === 'string') writeFileSync(place, content, { mode: name.includes('bin/') ? 0o755 : 0o600 });
    else symlinkSync(join(path, content.link), place);
  }
  return { path, io: { cwd: join(path, 'project'), env: { HOME: path, PATH: `${path}/bin:/usr/bin:/bin` } } };
}

function mountsOf({ io }: ReturnType<typeof home>, name: string): string[] {
  const program = findProgram(io, name);
  assert.ok(program !== null, `${name} was found`);
  return needsOf(io, program).mounts.map(({ source, read_only: readOnly }) => {
    assert.equal(readOnly, true);
    return source;
  });
}

test('each agent wants keys of providers that are in the catalogue, and says where its vendor says so', () => {
  for (const { name, keys, source, install } of agents) {
    for (const { provider, variable } of keys) {
      assert.ok(catalogue.has(provider), `${name}: ${provider}`);
      assert.match(variable, /^[A-Z_]+_API_KEY$/);
    }
    assert.match(source, /^https:\/\//);
    assert.match(install, /install/);
  }
});

test('of a package nothing beside it is mounted, unless it depends on it', () => {
  const alone = home({
    'lib/node_modules/@a/tool/bin/tool.js': '#!/usr/bin/env node\n',
    'lib/node_modules/@a/tool/package.json': '{"dependencies":{"b":"1"}}',
    'lib/node_modules/@a/tool/node_modules/b/package.json': '{}',
    'lib/node_modules/private/key.txt': 'x',
    'bin/tool': { link: 'lib/node_modules/@a/tool/bin/tool.js' },
  });
  assert.equal(mountsOf(alone, 'tool').includes(join(alone.path, 'lib/node_modules/@a/tool')), true);
  assert.equal(mountsOf(alone, 'tool').includes(join(alone.path, 'lib/node_modules')), false);
  const hoisted = home({
    'lib/node_modules/tool/bin/tool.js': '#!/usr/bin/env node\n',
    'lib/node_modules/tool/package.json': '{"dependencies":{"b":"1"}}',
    'lib/node_modules/b/package.json': '{}',
    'bin/tool': { link: 'lib/node_modules/tool/bin/tool.js' },
  });
  assert.equal(mountsOf(hoisted, 'tool').includes(join(hoisted.path, 'lib/node_modules')), true);
});

test('a Python that lies in a home brings nothing but itself', () => {
  const own = home({ 'bin/python3': 'x', '.ssh/id': 'key' });
  writeFileSync(join(own.path, 'bin', 'tool'), `#!${own.path}/bin/python3\n`, { mode: 0o755 });
  assert.deepEqual(mountsOf(own, 'tool').toSorted(), [join(own.path, 'bin/python3'), join(own.path, 'bin/tool')]);
});

test('a first line that names a file which cannot be run mounts nothing of it', () => {
  const trap = home({ '.ssh/id': 'key' });
  mkdirSync(join(trap.path, 'bin'));
  writeFileSync(join(trap.path, 'bin', 'tool'), `#!${trap.path}/.ssh/id\n`, { mode: 0o755 });
  assert.deepEqual(mountsOf(trap, 'tool'), [join(trap.path, 'bin/tool')]);
});

test('a program that would bring the whole home is refused', () => {
  const wide = home({ 'bin/tool': '#!/bin/sh\n', 'pyvenv.cfg': '' });
  const program = findProgram(wide.io, 'tool');
  assert.ok(program !== null);
  assert.throws(() => needsOf(wide.io, program), /would need all of/);
});

test('what the current directory has is passed over, and so is a relative entry of the path', () => {
  const project = home({ 'project/bin/tool': '#!/bin/sh\n' });
  const path = `bin:${project.path}/project/bin:/usr/bin`;
  assert.equal(findProgram({ ...project.io, env: { HOME: project.path, PATH: path } }, 'tool'), null);
});

test('a program of the system needs no mount', () => {
  const plain = home({});
  assert.deepEqual(mountsOf(plain, 'sh'), []);
});
