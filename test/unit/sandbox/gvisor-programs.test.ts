import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunningSandbox } from '../../../src/sandbox/driver.ts';
import { statShim } from '../../../src/sandbox/gvisor/stat-shim.ts';
import { thisMachine } from '../../../src/sandbox/host/system-calls.ts';
import { sandboxDrivers } from '../../support/sandbox-drivers.ts';
import { drivers, makeDirectory, openRig, python, run } from './harness.ts';
import type { Rig } from './harness.ts';

const skip = sandboxDrivers.find(({ name }) => name === 'gvisor')?.skip ?? false;

describe('programs in gVisor that ask for a file with AT_NO_AUTOMOUNT', { skip }, () => {
  let rig: Rig;
  let sandbox: RunningSandbox;
  before(async () => {
    rig = openRig(makeDirectory(), drivers.gvisor);
    sandbox = await rig.create();
  });
  after(() => rig.close());
  const said = async (command: string, box = sandbox) => {
    const { stdout, stderr, code } = await run(box, command);
    assert.equal(code, 0, `${command}: ${stderr}`);
    return stdout;
  };

  it('work as they do anywhere, with an environment and without one', async () => {
    await said('mkdir -p ~/all/of && cd ~/all && echo 12345 > file && ln -s file link');
    assert.equal(await said('cd ~/all && ls -l | tail -n +2 | cut -c 1-10'), '-rw-r--r--\nlrwxrwxrwx\ndrwxr-xr-x\n');
    assert.equal(
      await said("cd ~/all && stat -c '%s %F' file link of"),
      '6 regular file\n4 symbolic link\n40 directory\n',
    );
    assert.equal(await said('env -i /usr/bin/ls -d /usr'), '/usr\n');
    assert.equal(await said('cd ~/all && find . | sort | tr "\\n" " "'), '. ./file ./link ./of ');
    assert.match(await said('du -s ~/all; vdir -d /; dir -d /'), /all\n[^\n]* \/\n\/\n$/);
  });

  it('say as ever what is not there, and what may not be looked at', async () => {
    const { stderr, code } = await run(sandbox, 'ls /nowhere; stat /nowhere /proc/1/root/x');
    assert.match(stderr, /^ls: cannot access '\/nowhere': No such file or directory\nstat: [^\n]*: No such file/);
    assert.equal(code, 1);
  });

  it('let git, npm and pip work', async () => {
    const git = 'git -c user.name=x -c user.email=x@example.com';
    assert.equal(
      await said(
        `cd "$(mktemp -d)" && git init -q . && echo > new && ${git} add new && ${git} commit -qm first && touch other && git status --short`,
      ),
      '?? other\n',
    );
    const pack =
      'cd "$(mktemp -d)" && npm init -y > /dev/null && mkdir dep && echo \'{"name":"dep","version":"1.0.0"}\' > dep/package.json';
    assert.equal(
      await said(`${pack} && npm install --offline --no-audit ./dep > /dev/null && ls node_modules`),
      'dep\n',
    );
    const wheel = `cd "$(mktemp -d)" && mkdir thing && echo 'name = 7' > thing/__init__.py && zip=$PWD/thing-1-py3-none-any.whl && python3 - "$zip" <<'P'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as z:
    z.write('thing/__init__.py')
    z.writestr('thing-1.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: thing\\nVersion: 1\\n')
    z.writestr('thing-1.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    z.writestr('thing-1.dist-info/RECORD', '')
P
`;
    const install =
      'python3 -m pip install --quiet --no-index --target ~/lib "$zip" && PYTHONPATH=~/lib python3 -c "import thing; print(thing.name)"';
    assert.equal(await said(`${wheel}${install}`), '7\n');
  });

  it('have only what stands in for that flag in their way: every other answer is the kernel’s', async () => {
    const program = `
import ctypes, os
c = ctypes.CDLL(None, use_errno=True); b = ctypes.create_string_buffer(256)
def ask(name, *args): return 0 if getattr(c, name)(*args) == 0 else ctypes.get_errno()
mask = 0x7ff
print([ask('statx', -100, b'/', flags, mask, b) for flags in (0, 0x800, 0x900, 0x10000)],
  [ask(name, -100, path, b, flags) for name in ('fstatat', 'fstatat64') for path, flags in ((b'/', 0), (b'/', 0x800), (b'/x', 0x800), (b'/', 0x10000))],
  ask('statx', 77, b'x', 0x800, mask, b))`;
    assert.equal(await python(sandbox, program), '[0, 0, 0, 22] [0, 0, 2, 22, 0, 0, 2, 22] 9');
  });

  it('have a file of what is to be loaded first of their own kept, where a template brings one', async () => {
    const root = mkdtempSync(join(tmpdir(), 'standin-preload-'));
    const outside = join(root, 'outside');
    try {
      for (const [name, make] of [
        ['file', (path: string) => writeFileSync(path, '')],
        ['dangling link', (path: string) => symlinkSync(outside, path)],
      ] as const) {
        const tree = join(root, name);
        for (const path of ['bin', 'etc']) mkdirSync(join(tree, path), { recursive: true });
        copyFileSync('/bin/busybox', join(tree, 'bin/sh'));
        make(join(tree, 'etc/ld.so.preload'));
        const other = await rig.create({ id: `template-${name.length}`, template: { name, root: tree } });
        assert.equal((await run(other, 'cat /etc/ld.so.preload')).stdout, '');
        await other.destroy();
      }
      assert.throws(() => execFileSync('test', ['-e', outside]), 'nothing was written where the link leads');
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});

it('what stands in for the flag is a library that any loader of this machine takes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'standin-shim-'));
  try {
    const library = join(directory, 'it.so');
    writeFileSync(library, statShim(thisMachine()));
    const env = { LD_PRELOAD: library, LC_ALL: 'C', PATH: '/usr/bin:/bin' };
    const stdout = execFileSync(
      'sh',
      ['-c', 'ls -d /usr; ls /nowhere 2>&1; ls --version > /dev/null && stat -c %F /'],
      {
        env,
        encoding: 'utf8',
      },
    );
    assert.equal(stdout, "/usr\nls: cannot access '/nowhere': No such file or directory\ndirectory\n");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
